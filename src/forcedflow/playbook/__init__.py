"""The playbook: what a trader reads before acting, and may decide not to act upon."""
