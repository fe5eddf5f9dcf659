"""Executors: where pieces of work run. `Executor` is what every caller asks for."""

from forcedflow.executors.base import Executor, Progress
from forcedflow.executors.serial import SerialExecutor

__all__ = ["Executor", "Progress", "SerialExecutor"]
