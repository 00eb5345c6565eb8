"""The box of the lower face from eyes and nose, rigid against speech.

Method section 9. It never looks at the jaw or the mouth: one that follows the chin would tell how far the mouth
is open, and a model would learn to read the box instead of the voice.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .pose import LEFT_EYE, NOSE_BASE, NOSE_BRIDGE, NOSE_TIP, RIGHT_EYE

HALF_WIDTH, TOP, BOTTOM = 1.5, -0.2, 2.3  # of the box from the nose tip, in units of the face's size s
LEAST_SEEN = 3  # points of an eye, of 6
NARROW = 0.6  # eyes so near each other, of the way from their middle to the nose tip: turned by 60 degrees
SIZE_OF_NOSE = 1.05  # s, in lengths of the nose from bridge to tip
TIP_ON_NOSE = 0.87  # where the tip lies between bridge and base
TIP_BELOW_EYES = 0.9  # in units of s


def lower_face_box(landmarks: Tensor) -> Tensor:
    """The rigid frame of a face, [... 68 2] in pixels -> [... 5]: nose tip x, y, size s, roll as cos, sin.

    s is the larger of the distance from the middle of the eyes to the nose tip and 0.7 of that between eyes, the
    roll that of the eyes; of a face `in_profile` both are the nose's. Unseen points are NaN, and so is a box that
    they leave unknown.
    """
    return _by_nose(landmarks).where(in_profile(landmarks)[..., None], _by_eyes(landmarks))


def in_profile(landmarks: Tensor) -> Tensor:
    """Whether the nose, and not the eyes, tells the roll: [... 68 2] -> bool [...]. One eye is unseen, or they are too
    near each other: guessed, or one behind the other, where a nod looks like roll."""
    right, left = _eyes(landmarks)
    below = (landmarks[..., NOSE_TIP, :] - (left + right) / 2).norm(dim=-1)
    apart = (left - right).norm(dim=-1) >= NARROW * below
    return ~apart & ~_by_nose(landmarks).isnan().any(-1)


def box_without_tip(landmarks: Tensor) -> Tensor:
    """The same as `lower_face_box` where the nose tip is unseen: it is estimated from the rest of the nose, or from
    the eyes."""
    right, left = _eyes(landmarks)
    along, base = left - right, landmarks[..., NOSE_BASE, :].nanmean(-2)
    below = TIP_BELOW_EYES * 0.7 * torch.stack([-along[..., 1], along[..., 0]], dim=-1)
    bridge = landmarks[..., NOSE_BRIDGE.start, :]
    estimated, tip = landmarks.clone(), landmarks[..., NOSE_TIP, :]
    tip = _first_known(tip, bridge.lerp(base, TIP_ON_NOSE), (left + right) / 2 + below)
    estimated[..., NOSE_TIP, :] = tip
    return lower_face_box(estimated)


def box_corners(box: Tensor) -> Tensor:
    """Corners of the lower-face box, [... 5] as from `lower_face_box` -> [... 4 2] in pixels."""
    nose, size, right = box[..., None, :2], box[..., None, 2:3], box[..., None, 3:]
    down = torch.stack([-right[..., 1], right[..., 0]], dim=-1)
    along = box.new_tensor([-HALF_WIDTH, HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH])[:, None]
    below = box.new_tensor([TOP, TOP, BOTTOM, BOTTOM])[:, None]
    return nose + size * (along * right + below * down)


def _by_eyes(landmarks: Tensor) -> Tensor:
    (right, left), nose = _eyes(landmarks), landmarks[..., NOSE_TIP, :]
    between_eyes = (left - right).norm(dim=-1, keepdim=True)
    size = torch.maximum((nose - (left + right) / 2).norm(dim=-1, keepdim=True), 0.7 * between_eyes)
    return torch.cat([nose, size, (left - right) / between_eyes], dim=-1)


def _by_nose(landmarks: Tensor) -> Tensor:
    """From the bridge to the base, which lie about equally far in front of the face: that direction is down however
    the head is turned. Facing the camera, size and roll are within 10 % and 1.5 degrees of those by the eyes (six
    people); turned by 60 to 90 degrees within 5 % and 6 degrees (a model of a head)."""
    tip, base = landmarks[..., NOSE_TIP, :], landmarks[..., NOSE_BASE, :].nanmean(-2)
    first, second, third = landmarks[..., NOSE_BRIDGE, :].unbind(-2)  # evenly on the way to the tip
    bridge = _first_known(first, tip.lerp(second, 3 / 2), tip.lerp(third, 3))
    size = SIZE_OF_NOSE * (tip - bridge).norm(dim=-1, keepdim=True)
    down = _first_known(base, tip) - bridge
    down = down / down.norm(dim=-1, keepdim=True)
    right = torch.stack([down[..., 1], -down[..., 0]], dim=-1)
    return torch.cat([tip, size.where(size > 0, torch.nan), right], dim=-1)


def _eyes(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Middles of the person's right and left eye."""
    return _middle(landmarks[..., RIGHT_EYE, :]), _middle(landmarks[..., LEFT_EYE, :])


def _middle(points: Tensor) -> Tensor:
    seen = (~points.isnan()).all(-1).sum(-1)[..., None]
    return points.nanmean(-2).where(seen >= LEAST_SEEN, torch.nan)


def _first_known(*choices: Tensor) -> Tensor:
    """Of points [... 2], each the first choice that is not NaN."""
    known, *others = choices
    for other in others:
        known = known.where(~known.isnan(), other)
    return known
