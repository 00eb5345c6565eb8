"""Where a video comes from, as Content Credentials (C2PA 2.2) in its file: made by a trained model, of which voice and
which picture. Signed with the user's own certificate; nothing is sent anywhere unless a time stamp is asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, first_words
from ..version import VERSION
from .muxing import to_uint8
from .sound import Audio
from .writing import write_video

SUFFIXES = (".mp4", ".mov")
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES = {
    "animation": "trainedAlgorithmicMedia",
    "edit": "compositeWithTrainedAlgorithmicMedia",  # most of its pixels are the source's
}
LABEL = "org.skyreels-audio.generation"  # of the assertion that names model, voice and picture
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
PACKAGE = (
    "Signing needs the package c2pa-python, which is not installed: pip install 'skyreels-audio[c2pa]', or leave the "
    "certificate out."
)


@dataclass(frozen=True)
class Origin:
    """What a file says of itself. made_of: SHA-256 by name, such as "voice"."""

    task: str  # a name of SOURCE_TYPES
    model: str
    made_of: Mapping[str, str] = field(default_factory=dict)

    def manifest(self, title: str) -> dict[str, Any]:
        agent = {"name": "SkyReels-Audio", "version": VERSION}
        action = {
            "action": "c2pa.created",
            "digitalSourceType": VOCABULARY + SOURCE_TYPES[self.task],
            "softwareAgent": agent,
        }
        inputs = {name: {"sha256": value} for name, value in self.made_of.items()}
        return {
            "claim_generator_info": [agent],
            "title": title,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
                {"label": LABEL, "data": {"model": self.model, "inputs": inputs}},
            ],
        }


def voice_hash(audio: Audio) -> str:
    """SHA-256 of a voice: its samples [c n] as little-endian float32, channel by channel."""
    return hashlib.sha256(audio.samples.float().contiguous().cpu().numpy().astype("<f4").data).hexdigest()


def pixel_hash(frames: Iterable[Tensor]) -> str:
    """SHA-256 of a picture or a video: the frames [h w 3] in 0..1 as 8-bit RGB, row by row."""
    whole = hashlib.sha256()
    for frame in frames:
        whole.update(to_uint8(frame).contiguous().numpy().data)
    return whole.hexdigest()


@dataclass(frozen=True)
class Signer:
    """The user's certificate chain (PEM, its own first) and private key (PEM); `timestamp`: the URL of a time-stamping
    authority, empty for none."""

    certificate: Path
    key: Path
    timestamp: str = ""

    def check(self, path: Path) -> None:
        """Raises InputError where a file of this name cannot be signed: a small video is. Call it before the work."""
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(
                f"{path} cannot be signed: Content Credentials fit into {' and '.join(SUFFIXES)} files. Choose such a "
                "name, or leave the certificate out."
            )
        with TemporaryDirectory() as folder:
            tried = Path(folder) / f"tried{path.suffix}"
            write_video(tried, [torch.zeros(16, 16, 3)], 25)
            self.sign(tried, Origin("animation", ""), path.name)

    def sign(self, path: Path, origin: Origin, title: str = "") -> None:
        """Put a signed manifest into a finished file; without success it stays as it was. `title` is the name that
        it will have."""
        c2pa = _c2pa()
        signed = path.with_name(f".signed-{path.name}")
        manifest = json.dumps(origin.manifest(title or path.name))
        try:
            with self._opened() as signer, c2pa.Builder(manifest) as builder:
                builder.sign_file(path, signed, signer)
            signed.replace(path)
        except c2pa.C2paError as error:
            raise InputError(
                f"{title or path.name} cannot be signed ({first_words(error)}). Check the certificate chain in "
                f"{self.certificate}: its own certificate first, for digital signatures, with one that issued it"
                f"{'; and the time-stamping authority ' + self.timestamp if self.timestamp else ''}."
            ) from error
        finally:
            with suppress(OSError):
                signed.unlink(missing_ok=True)

    def _opened(self) -> Any:
        c2pa = _c2pa()
        chain, key = (_read(file) for file in (self.certificate, self.key))
        info = c2pa.C2paSignerInfo(
            _algorithm(self.key, key).encode(), chain, key, self.timestamp.encode() or None
        )
        try:
            return c2pa.Signer.from_info(info)
        except c2pa.C2paError as error:
            raise InputError(
                f"The certificate {self.certificate} and the key {self.key} cannot sign ({first_words(error)}). Give a "
                "PEM chain and the PEM key of its first certificate."
            ) from error


def _c2pa() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise InputError(PACKAGE) from error
    return c2pa


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Give a PEM file.") from error


def _algorithm(path: Path, pem: bytes) -> str:
    """C2PA's name of what a key signs with. Raises InputError for a key that it has no name for."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise InputError(PACKAGE) from error
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{path} is no private key that can be read ({first_words(error)}). Give a PEM key without a password."
        ) from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise InputError(
        f"{path} is a key of a kind that C2PA does not use. Give an EC P-256, Ed25519 or RSA key."
    )
