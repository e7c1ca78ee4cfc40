"""A repository made with python-tuf, in which every role can be changed before it is signed, and every file after."""

import copy
import hashlib
import json
from datetime import datetime, timezone

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

TOP = ("root", "timestamp", "snapshot", "targets")
FUTURE = datetime(2120, 1, 1, tzinfo=timezone.utc)
PAST = datetime(2020, 1, 1, tzinfo=timezone.utc)
_RSA = {}


def ed(seed, keyid=None):
    """An ed25519 key that is the same in every run."""
    private = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"ed25519 {seed}".encode()).digest())
    return CryptoSigner(private, SSlibKey.from_crypto(private.public_key(), keyid))


def p256(seed, keytype="ecdsa"):
    private = ec.derive_private_key(int.from_bytes(hashlib.sha256(f"p256 {seed}".encode()).digest()) >> 1, ec.SECP256R1())
    key = SSlibKey.from_crypto(private.public_key())
    return CryptoSigner(private, SSlibKey(key.keyid, keytype, key.scheme, key.keyval))


def rsa_pss(seed, bits=2048):
    if (seed, bits) not in _RSA:
        _RSA[seed, bits] = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    private = _RSA[seed, bits]
    return CryptoSigner(private, SSlibKey.from_crypto(private.public_key(), scheme="rsassa-pss-sha256"))


def sign(signed, signers, keyids=None):
    """Signs a dictionary of any shape, as python-tuf's Metadata would, under key ids of the caller's choice."""
    message = encode_canonical(signed).encode()
    names = keyids or [signer.public_key.keyid for signer in signers]
    signatures = [{"keyid": name, "sig": s.sign(message).signature} for name, s in zip(names, signers, strict=True)]
    return json.dumps({"signatures": signatures, "signed": signed}, sort_keys=True, indent=1).encode()


class Repo:
    """Roles as python-tuf's objects, signers by role, and the files that are served."""

    def __init__(self, key=ed, keys=None, thresholds=None, consistent=True, hashes=True):
        self.hashes = hashes
        counts = {role: 1 for role in TOP} | (keys or {})
        thresholds = {role: 1 for role in TOP} | (thresholds or {})
        self.signers = {role: [key(f"{role} {n}") for n in range(counts[role])] for role in TOP}
        self.root = Root(expires=FUTURE, consistent_snapshot=consistent)
        for role in TOP:
            for signer in self.signers[role]:
                self.root.add_key(signer.public_key, role)
            self.root.roles[role].threshold = thresholds[role]
        self.timestamp = Timestamp(expires=FUTURE)
        self.snapshot = Snapshot(expires=FUTURE)
        self.targets = Targets(expires=FUTURE)
        self.delegated = {}
        self.files = {}
        # Changes to a role's dictionary between its making and its signing, by role.
        self.before_signing = {}
        # Who signs, instead of the role's own keys, and under which ids.
        self.sign_as = {}

    # --- what the roles say ---

    def add_target(self, path, content, role="targets", algorithms=("sha256",)):
        info = TargetFile.from_data(path, content, list(algorithms))
        self.role(role).targets[path] = info
        folder, slash, name = path.rpartition("/")
        for digest in info.hashes.values():
            self.files[f"targets/{folder}{slash}{digest}.{name}"] = content
        self.files[f"targets/{path}"] = content

    def role(self, name):
        return self.targets if name == "targets" else self.delegated[name]

    def delegate(self, parent, name, paths=None, prefixes=None, terminating=False, key=None, keys=None, threshold=1):
        signers = keys or [key or ed(f"delegated {name}")]
        self.delegated.setdefault(name, Targets(expires=FUTURE))
        self.signers[name] = signers
        role = self.role(parent)
        if role.delegations is None:
            role.delegations = Delegations({}, {})
        ids = [signer.public_key.keyid for signer in signers]
        role.delegations.roles[name] = DelegatedRole(name, ids, threshold, terminating, paths, prefixes)
        for signer in signers:
            role.delegations.keys[signer.public_key.keyid] = signer.public_key

    # --- signing ---

    def bytes_of(self, name, signed):
        change, signers = self.before_signing.get(name), self.sign_as.get(name)
        if change is None and signers is None:
            metadata = Metadata(signed)
            for signer in self.signers[name]:
                metadata.sign(signer, append=True)
            return metadata.to_bytes(JSONSerializer(compact=False, validate=True))
        plain = copy.deepcopy(signed.to_dict())
        if change is not None:
            plain = change(plain) or plain
        signers, keyids = signers if isinstance(signers, tuple) else (signers or self.signers[name], None)
        return sign(plain, signers, keyids)

    def publish_root(self, also=(), version=None, only=None):
        """Signs the root with its own keys and `also` those of the one before."""
        own = list(only) if only is not None else list(self.signers["root"])
        known = {signer.public_key.keyid for signer in own}
        own += [signer for signer in also if signer.public_key.keyid not in known]
        plain = self.root.to_dict()
        change = self.before_signing.get("root")
        if change is not None:
            plain = change(plain) or plain
        keyids = self.sign_as.get("root")
        self.files[f"metadata/{version or self.root.version}.root.json"] = sign(plain, own, keyids)

    def rotate(self, role, signers, threshold=1):
        """Gives a role new keys in the next root, and publishes that."""
        before = self.signers["root"]
        for keyid in list(self.root.roles[role].keyids):
            self.root.revoke_key(keyid, role)
        for signer in signers:
            self.root.add_key(signer.public_key, role)
        self.root.roles[role].threshold = threshold
        self.signers[role] = list(signers)
        self.root.version += 1
        self.publish_root(also=before)

    def path(self, name, version):
        return f"metadata/{version}.{name}.json" if self.root.consistent_snapshot else f"metadata/{name}.json"

    def meta(self, version, data):
        if not self.hashes:
            return MetaFile(version)
        return MetaFile.from_data(version, data, ["sha256"])

    def publish_targets(self):
        for name in ["targets", *self.delegated]:
            signed = self.role(name)
            data = self.bytes_of(name, signed)
            self.files[self.path(name, signed.version)] = data
            self.snapshot.meta[f"{name}.json"] = self.meta(signed.version, data)

    def publish_snapshot(self):
        data = self.bytes_of("snapshot", self.snapshot)
        self.files[self.path("snapshot", self.snapshot.version)] = data
        self.timestamp.snapshot_meta = self.meta(self.snapshot.version, data)

    def publish_timestamp(self):
        self.files["metadata/timestamp.json"] = self.bytes_of("timestamp", self.timestamp)

    def publish(self):
        """Everything as it stands."""
        if f"metadata/{self.root.version}.root.json" not in self.files:
            self.publish_root()
        self.publish_targets()
        self.publish_snapshot()
        self.publish_timestamp()
        return self

    def renew(self):
        """The next versions of the online roles."""
        self.snapshot.version += 1
        self.timestamp.version += 1
        return self.publish()


class Scenario:
    """A client's life: a trusted root, then one state of the repository after the other."""

    def __init__(self, name, what):
        self.name, self.what, self.anchor, self.steps = name, what, None, []

    def step(self, repo, expect, targets=(), because="", statuses=None, local=None):
        """`expect`: "accepted" or "refused"; `because`: a part of our client's message; `local`: files put into, or removed from,
        the client's folder before."""
        if self.anchor is None:
            self.anchor = repo.files["metadata/1.root.json"]
        assert expect in ("accepted", "refused") and (because or expect == "accepted"), self.name
        hexed = lambda files: {name: data if data is None else data.hex() for name, data in files.items()}
        self.steps.append({
            "files": hexed(repo.files),
            "expect": expect,
            "because": because,
            "targets": list(targets),
            "statuses": statuses or {},
            "local": hexed(local or {}),
        })
        return self

    def plain(self):
        return {"name": self.name, "what": self.what, "anchor": self.anchor.hex(), "steps": self.steps}


def catalogue():
    """A list of functions that make scenarios, and the decorator that puts them there: each fills the scenario of its name."""
    makers = []

    def hostile(what):
        def register(fill):
            def make():
                scenario = Scenario(fill.__name__.replace("_", "-"), what)
                fill(scenario)
                return scenario

            makers.append(make)
            return fill

        return register

    return makers, hostile


def small_repo(**options):
    """One target, no delegations."""
    repo = Repo(**options)
    repo.add_target("file.txt", b"a file\n")
    return repo
