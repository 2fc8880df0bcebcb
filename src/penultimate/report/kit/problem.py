"""The problem that a forecast is of, in a line."""

from penultimate.model.problem import Problem
from penultimate.report.kit.numbers import number


def problem_words(problem: Problem, samples: float) -> str:
    """Say in a line what was assumed: loss, decays, bias, width."""
    decays = ", ".join(number(decay) for decay in problem.weight_decay)
    feature_decay = number(problem.resolved_feature_decay(samples), 3)
    if problem.law is not None:
        feature_decay = f"of the law p = {problem.law.power:.2f}, λ^{problem.law.rise:.2f}; for norms {feature_decay}"
    width = "not binding" if problem.width is None else number(problem.width)
    return (
        f"Problem: loss {problem.loss}, weight decay {decays}, feature decay {feature_decay} "
        f"({problem.feature_decay_source}), bias {problem.bias}, width {width}."
    )
