"""The public names and where they live; `__init__` reads this list and loads each name when it is first used."""

from .capturing.capturing import capture as capture
from .capturing.tapping import Tap as Tap
from .fixed_head import FixedHead as FixedHead
from .monitoring.head_lightning import HeadLightningCallback as HeadLightningCallback
from .monitoring.head_monitor import HeadMonitor as HeadMonitor
from .monitoring.head_trainer import HeadHuggingFaceCallback as HeadHuggingFaceCallback
from .monitoring.lightning import LightningCallback as LightningCallback
from .monitoring.monitor import FeatureMonitor as FeatureMonitor
from .monitoring.trainer import HuggingFaceCallback as HuggingFaceCallback
from .monitoring.trajectory import Trajectory as Trajectory
from .replacing import put_head as put_head
from .training.class_decay import ClassDecay as ClassDecay
from .training.class_loss import ClassLoss as ClassLoss
from .training.class_sampler import ClassSampler as ClassSampler
from .training.grouping import parameter_groups as parameter_groups
