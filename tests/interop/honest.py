"""Repositories as python-tuf makes them when nobody attacks."""

import hashlib

from repo import PAST, Repo, Scenario, ed, p256, rsa_pss

FILE = b"a file\n"


def with_key(name, what, key):
    repo = Repo(key=key)
    repo.add_target("file.txt", FILE)
    scenario = Scenario(name, what).step(repo.publish(), "accepted", ["file.txt"])
    return scenario.step(repo.renew(), "accepted", ["file.txt"])


def thresholds():
    repo = Repo(keys={"root": 5, "targets": 3, "snapshot": 2}, thresholds={"root": 3, "targets": 2, "snapshot": 2})
    repo.sign_as["targets"] = repo.signers["targets"][1:]
    repo.add_target("file.txt", FILE)
    repo.publish_root(only=repo.signers["root"][2:])
    return Scenario("thresholds", "3 of 5, 2 of 3, 2 of 2").step(repo.publish(), "accepted", ["file.txt"])


def mixed_keys():
    repo = Repo(keys={"root": 1})
    for signer in (p256("mixed"), rsa_pss("mixed")):
        repo.root.add_key(signer.public_key, "root")
        repo.signers["root"].append(signer)
    repo.root.roles["root"].threshold = 3
    repo.add_target("file.txt", FILE)
    return Scenario("mixed-keys", "a root of three key types, all needed").step(repo.publish(), "accepted", ["file.txt"])


def rotations():
    repo = Repo()
    repo.add_target("file.txt", FILE)
    scenario = Scenario("rotations", "every role's keys are rotated, one root after the other")
    scenario.step(repo.publish(), "accepted", ["file.txt"])
    for n, role in enumerate(("targets", "snapshot", "timestamp", "root")):
        repo.rotate(role, [ed(f"new {role}"), p256(f"new {role}")], threshold=2)
        repo.targets.version += 1
        scenario.step(repo.renew(), "accepted", ["file.txt"])
    for n in range(5):
        repo.rotate("root", [ed(f"root {n}")])
    repo.targets.version += 1
    return scenario.step(repo.renew(), "accepted", ["file.txt"]).step(repo, "accepted", ["file.txt"])


def long_chain():
    repo = Repo()
    repo.publish()
    for n in range(40):
        repo.rotate("root", [ed(f"root of the chain {n}")])
    return Scenario("long-root-chain", "forty roots at once").step(repo, "accepted")


def expired_between():
    repo = Repo()
    repo.root.expires = PAST
    repo.publish_root()
    repo.root.version, good = 2, repo.root.expires.replace(year=2119)
    repo.publish_root()
    repo.root.version, repo.root.expires = 3, good
    repo.publish_root()
    return Scenario("expired-intermediate-roots", "only the last root must be valid").step(repo.publish(), "accepted")


def inconsistent():
    repo = Repo(consistent=False)
    repo.add_target("dir/file.txt", FILE)
    repo.delegate("targets", "role", paths=["*"])
    repo.add_target("other.txt", FILE * 2, "role")
    scenario = Scenario("no-consistent-snapshots", "files without version or digest in their names")
    scenario.step(repo.publish(), "accepted", ["dir/file.txt", "other.txt"])
    repo.targets.version += 1
    return scenario.step(repo.renew(), "accepted", ["other.txt"])


def becomes_consistent():
    repo = Repo(consistent=False)
    repo.add_target("file.txt", FILE)
    scenario = Scenario("becomes-consistent", "a later root switches consistent snapshots on")
    scenario.step(repo.publish(), "accepted", ["file.txt"])
    repo.root.consistent_snapshot = True
    repo.root.version += 1
    repo.publish_root()
    repo.add_target("new.txt", FILE * 3)
    repo.targets.version += 1
    return scenario.step(repo.renew(), "accepted", ["file.txt", "new.txt"])


def tree():
    repo = Repo()
    repo.delegate("targets", "a", paths=["a/*", "a/*/*"])
    repo.delegate("targets", "b", paths=["*"], key=p256("b"))
    repo.delegate("a", "a/deep", paths=["a/*/*"], key=rsa_pss("deep"))
    repo.delegate("a/deep", "deepest", paths=["a/x/*.txt"])
    repo.add_target("a/one.txt", FILE, "a")
    repo.add_target("a/x/two.txt", FILE * 2, "deepest")
    repo.add_target("three.txt", FILE * 3, "b")
    scenario = Scenario("delegation-tree", "three levels, patterns at each")
    scenario.step(repo.publish(), "accepted", ["a/one.txt"])
    scenario.step(repo, "accepted", ["a/x/two.txt", "three.txt"])
    repo.delegated["deepest"].version += 1
    repo.add_target("a/x/new.txt", FILE * 4, "deepest")
    scenario.step(repo.renew(), "accepted", ["a/x/new.txt", "a/one.txt"])
    return scenario.step(repo, "refused", ["a/x/two.bin"], "there is no target")


def bins():
    repo = Repo()
    key = ed("bins")
    for n in range(16):
        repo.delegate("targets", f"bin-{n:x}", prefixes=[f"{n:x}"], key=key)
    paths = [f"files/{n}.bin" for n in range(12)]
    for path in paths:
        repo.add_target(path, path.encode(), f"bin-{hashlib.sha256(path.encode()).hexdigest()[0]}")
    return Scenario("hash-bins", "sixteen bins by path_hash_prefixes").step(repo.publish(), "accepted", paths)


def odd_roles():
    repo = Repo()
    names = ["/role", "../role", "a b", "?", "#", "ä%2F", "role.json", "1.root", "~-_.", "\"\\", "日本語"]
    for n, name in enumerate(names):
        repo.delegate("targets", name, paths=[f"{n}.txt"])
        repo.add_target(f"{n}.txt", name.encode(), name)
    scenario = Scenario("odd-role-names", "role names that must be encoded in URLs and file names")
    wanted = [f"{n}.txt" for n in range(len(names))]
    return scenario.step(repo.publish(), "accepted", wanted).step(repo.renew(), "accepted", wanted)


def odd_targets():
    repo = Repo()
    names = ["a/b/c/d.txt", "with space.txt", "ünïcode/日本.txt", "plus+at@x:1,2;3=4!$&'()*~.txt", ".hidden", "x.json"]
    for n, name in enumerate(names):
        repo.add_target(name, f"{n}".encode())
    repo.add_target("empty", b"")
    scenario = Scenario("odd-target-names", "paths that must be encoded in URLs and file names")
    return scenario.step(repo.publish(), "accepted", [*names, "empty"])


def no_hashes():
    repo = Repo(hashes=False)
    repo.delegate("targets", "role", paths=["*"])
    repo.add_target("file.txt", FILE, "role")
    scenario = Scenario("no-hashes", "snapshot and timestamp list versions only")
    return scenario.step(repo.publish(), "accepted", ["file.txt"]).step(repo.renew(), "accepted", ["file.txt"])


def sha512():
    repo = Repo()
    repo.add_target("512.txt", FILE, algorithms=["sha512"])
    repo.add_target("both.txt", FILE * 2, algorithms=["sha512", "sha256"])
    return Scenario("sha512", "targets by SHA-512, and by both").step(repo.publish(), "accepted", ["512.txt", "both.txt"])


def fast_forward_recovery():
    repo = Repo()
    scenario = Scenario("fast-forward-recovery", "stolen online keys raise versions; then both are rotated")
    scenario.step(repo.publish(), "accepted")
    repo.timestamp.version, repo.snapshot.version = 2**31 - 1, 2**31 - 1
    repo.targets.version = 2**31 - 1
    scenario.step(repo.publish(), "accepted")
    repo.rotate("timestamp", [ed("new timestamp")])
    repo.rotate("snapshot", [ed("new snapshot")])
    repo.timestamp.version, repo.snapshot.version, repo.targets.version = 3, 3, 3
    return scenario.step(repo.publish(), "accepted")


def unknown_fields():
    repo = Repo()
    repo.delegate("targets", "role", paths=["*"])
    repo.add_target("file.txt", FILE, "role")
    odd = {"x": [1, -1, None, True, {"é\"\\": "\t\n\u007f"}], "big": 2**63}
    for role in (repo.root, repo.timestamp, repo.snapshot, repo.targets, repo.delegated["role"]):
        role.unrecognized_fields["x-odd"] = odd
    repo.root.roles["root"].unrecognized_fields["x-odd"] = odd
    for key in repo.root.keys.values():
        key.unrecognized_fields["x-odd"] = "text"
    repo.targets.delegations.unrecognized_fields["x-odd"] = odd
    repo.targets.delegations.roles["role"].unrecognized_fields["x-odd"] = odd
    repo.delegated["role"].targets["file.txt"].unrecognized_fields["custom"] = odd
    return Scenario("unknown-fields", "fields that nobody knows, at every level").step(
        repo.publish(), "accepted", ["file.txt"]
    )


def releases():
    repo = Repo()
    scenario = Scenario("releases", "a file changes from release to release")
    for n in range(4):
        repo.add_target("app", f"release {n}".encode())
        repo.targets.version += 1
        scenario.step(repo.renew(), "accepted", ["app"])
    return scenario.step(repo, "accepted", ["app"])


def opaque_key_ids():
    repo = Repo(key=lambda seed: ed(seed, keyid=f"the key {seed}"))
    repo.add_target("file.txt", FILE)
    return Scenario("opaque-key-ids", "ids that are no digests of keys").step(repo.publish(), "accepted", ["file.txt"])


def thirty_two_roles():
    repo = Repo()
    key = ed("many")
    for n in range(32):
        repo.delegate("targets", f"role-{n}", paths=["*"], key=key)
    repo.add_target("file.txt", FILE, "role-31")
    return Scenario("thirty-two-delegations", "as many as a search may visit").step(repo.publish(), "accepted", ["file.txt"])


def rotated_delegation():
    repo = Repo()
    repo.delegate("targets", "role", paths=["*"])
    repo.add_target("file.txt", FILE, "role")
    scenario = Scenario("rotated-delegation", "a delegated role gets a new key; its file is signed anew at the same version")
    scenario.step(repo.publish(), "accepted", ["file.txt"])
    repo.delegate("targets", "role", paths=["*"], key=ed("another"))
    repo.targets.version += 1
    return scenario.step(repo.renew(), "accepted", ["file.txt"])


def lost_files():
    repo = Repo()
    repo.add_target("file.txt", FILE)
    scenario = Scenario("lost-files", "files vanish from the client's folder, or are damaged there")
    scenario.step(repo.publish(), "accepted", ["file.txt"])
    for name in ("timestamp", "snapshot", "targets"):
        scenario.step(repo, "accepted", ["file.txt"], local={f"{name}.json": None})
        scenario.step(repo, "accepted", ["file.txt"], local={f"{name}.json": b"{}"})
    return scenario


def scenarios():
    return [
        with_key("ed25519", "every role by ed25519", ed),
        with_key("ecdsa", "every role by ECDSA P-256", p256),
        with_key("ecdsa-legacy", "the key type that names its curve", lambda seed: p256(seed, "ecdsa-sha2-nistp256")),
        with_key("rsa-pss", "every role by RSASSA-PSS", lambda seed: rsa_pss(seed)),
        thresholds(), mixed_keys(), rotations(), long_chain(), expired_between(), inconsistent(), becomes_consistent(),
        tree(), bins(), odd_roles(), odd_targets(), no_hashes(), sha512(), fast_forward_recovery(), unknown_fields(),
        releases(), opaque_key_ids(), thirty_two_roles(), rotated_delegation(), lost_files(),
    ]  # fmt: skip
