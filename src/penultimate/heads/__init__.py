"""Better heads on the same features: scikit-learn estimators that export W and b."""

from penultimate.heads.calibrated import CalibratedHead as CalibratedHead
from penultimate.heads.calibrated import WeightScalingHead as WeightScalingHead
from penultimate.heads.censored import CensoredRegression as CensoredRegression
from penultimate.heads.comparison.best_head import BestHead as BestHead
from penultimate.heads.discriminant import DiscriminantHead as DiscriminantHead
from penultimate.heads.framed import FrameHead as FrameHead
from penultimate.heads.kernel_head import KernelHead as KernelHead
from penultimate.heads.linear_head import LinearHead as LinearHead
from penultimate.heads.logistic import LogisticHead as LogisticHead
from penultimate.heads.multi_label import MultiLabelHead as MultiLabelHead
from penultimate.heads.nearest_mean import NearestMeanHead as NearestMeanHead
from penultimate.heads.nystroem import NystroemHead as NystroemHead
from penultimate.heads.random_features import RandomFeaturesHead as RandomFeaturesHead
from penultimate.heads.random_features_forecast import RandomFeaturesForecast as RandomFeaturesForecast
from penultimate.heads.random_features_forecast import forecast_random_features as forecast_random_features
from penultimate.heads.rescaled import LogitAdjustedHead as LogitAdjustedHead
from penultimate.heads.rescaled import PriorScaledHead as PriorScaledHead
from penultimate.heads.rescaled import TauNormalisedHead as TauNormalisedHead
from penultimate.heads.ridge import RidgeHead as RidgeHead
from penultimate.heads.ridge_risk import RidgeRisk as RidgeRisk
from penultimate.heads.spiked import SpikedDiscriminantHead as SpikedDiscriminantHead
