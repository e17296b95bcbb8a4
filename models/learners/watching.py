"""Who looks on while a network learns: nobody, TensorBoard, or a progress bar."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training rows: the mean loss there, on the validation rows (None without), and the rate."""

    number: int
    train_loss: float
    valid_loss: float | None
    rate: float


class Watcher(Protocol):
    def began(self, name: str, epochs: int) -> None:
        """`epochs` is the most that there will be."""

    def passed(self, epoch: Epoch) -> None: ...
    def ended(self) -> None: ...


class Nobody:
    def began(self, name: str, epochs: int) -> None:
        pass

    def passed(self, epoch: Epoch) -> None:
        pass

    def ended(self) -> None:
        pass


@dataclass
class Tensorboard:
    """Scalars `loss/train`, `loss/valid` and `rate` of every epoch, in a folder a model."""

    folder: Path
    _writer: Any = field(default=None, init=False, repr=False)

    def began(self, name: str, epochs: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self.folder / name))

    def passed(self, epoch: Epoch) -> None:
        self._writer.add_scalar("loss/train", epoch.train_loss, epoch.number)
        self._writer.add_scalar("rate", epoch.rate, epoch.number)
        if epoch.valid_loss is not None:
            self._writer.add_scalar("loss/valid", epoch.valid_loss, epoch.number)

    def ended(self) -> None:
        self._writer.close()


@dataclass
class Bar:
    """A line of a progress display that the caller has started; a model that stops early fills it."""

    progress: Progress
    _task: Any = field(default=None, init=False, repr=False)

    def began(self, name: str, epochs: int) -> None:
        self._task = self.progress.add_task(name, total=epochs)

    def passed(self, epoch: Epoch) -> None:
        loss = epoch.train_loss if epoch.valid_loss is None else epoch.valid_loss
        self.progress.update(self._task, advance=1, description=f"epoch {epoch.number}, loss {loss:.4f}")

    def ended(self) -> None:
        task = self.progress.tasks[self.progress.task_ids.index(self._task)]
        self.progress.update(self._task, completed=task.total)
