"""Auto Scaling groups that keep to their bounds: moto takes any desired capacity."""

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

_set_desired_capacity = AutoScalingResponse.set_desired_capacity


def set_desired_capacity(response: AutoScalingResponse) -> ActionResult:
    name, wanted = str(response._get_param("AutoScalingGroupName")), int(response._get_param("DesiredCapacity"))
    group = response.autoscaling_backend.autoscaling_groups.get(name)
    if group is None:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    if wanted > int(group.max_size or 0):
        raise _out_of_bounds(wanted, f"above max value {group.max_size}")
    if wanted < int(group.min_size or 0):
        raise _out_of_bounds(wanted, f"below min value {group.min_size}")
    return _set_desired_capacity(response)


def _out_of_bounds(wanted: int, how: str) -> ValidationError:
    return ValidationError(f"New SetDesiredCapacity value {wanted} is {how} for the AutoScalingGroup.")


def install() -> None:
    setattr(AutoScalingResponse, set_desired_capacity.__name__, set_desired_capacity)
