"""Attacks on the root: thresholds, versions, keys and what counts as one."""

import json

from repo import PAST, catalogue, ed, p256, rsa_pss, sign, small_repo

ALL, hostile = catalogue()


@hostile("the second root has one of the two old signatures")
def root_below_the_old_threshold(s):
    repo = small_repo(keys={"root": 2}, thresholds={"root": 2})
    s.step(repo.publish(), "accepted")
    repo.root.version += 1
    repo.publish_root(only=repo.signers["root"][:1])
    s.step(repo.renew(), "refused", because="root metadata has 1 valid signatures, 2 are needed")


@hostile("the second root raises the threshold and does not meet it itself")
def root_below_its_own_threshold(s):
    repo = small_repo(keys={"root": 2}, thresholds={"root": 1})
    s.step(repo.publish(), "accepted")
    repo.root.version += 1
    repo.root.roles["root"].threshold = 2
    repo.publish_root(only=repo.signers["root"][:1])
    s.step(repo.renew(), "refused", because="root metadata has 1 valid signatures, 2 are needed")


@hostile("the second root has new keys and only their signatures")
def root_not_signed_by_the_old_keys(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    repo.rotate("root", [ed("attacker")])
    repo.publish_root()
    s.step(repo.renew(), "refused", because="root metadata has 0 valid signatures")


@hostile("the second root has new keys and only the signatures of the old ones")
def root_not_signed_by_the_new_keys(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    old = repo.signers["root"]
    repo.rotate("root", [ed("new")])
    repo.publish_root(only=old)
    s.step(repo.renew(), "refused", because="root metadata has 0 valid signatures")


@hostile("the trusted root does not meet its own threshold")
def anchor_below_its_threshold(s):
    repo = small_repo(keys={"root": 2}, thresholds={"root": 2})
    repo.publish_root(only=repo.signers["root"][:1])
    s.step(repo.publish(), "refused", because="root metadata has 1 valid signatures, 2 are needed")


@hostile("root 3 stands where root 2 is looked for")
def root_that_skips_a_version(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    repo.root.version = 3
    repo.publish_root(version=2)
    repo.root.version = 2
    s.step(repo.renew(), "refused", because="root metadata has version 3")


@hostile("root 1 stands where root 3 is looked for")
def root_that_goes_back(s):
    repo = small_repo()
    repo.publish()
    repo.rotate("timestamp", [ed("another")])
    repo.files["metadata/3.root.json"] = repo.files["metadata/1.root.json"]
    s.step(repo.renew(), "refused", because="older than the trusted 2")


@hostile("the trusted root stands once more where its successor is looked for")
def root_served_again(s):
    repo = small_repo()
    repo.publish()
    repo.files["metadata/2.root.json"] = repo.files["metadata/1.root.json"]
    s.step(repo, "refused", because="root metadata has version 1 where 2 was announced")


@hostile("the newest root has expired")
def root_expired(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    repo.root.expires = PAST
    repo.root.version += 1
    repo.publish_root()
    s.step(repo.renew(), "refused", because="root metadata expired")
    s.step(repo, "refused", because="root metadata expired")


@hostile("asked for the next root, the server says that something is wrong with it")
def root_behind_an_error(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    s.step(repo, "refused", because="answered 500", statuses={"metadata/2.root.json": 500})
    s.step(repo, "accepted", statuses={"metadata/2.root.json": 403})


@hostile("the next root is longer than any client takes")
def root_without_end(s):
    repo = small_repo()
    repo.publish()
    repo.files["metadata/2.root.json"] = repo.files["metadata/1.root.json"] + b" " * (1 << 20)
    s.step(repo, "refused", because="longer than 524288 bytes")


@hostile("a role of the root has one key id twice, to meet a threshold of two with one key")
def key_id_twice_in_a_role(s):
    repo = small_repo()

    def change(root):
        role = root["roles"]["timestamp"]
        role["keyids"], role["threshold"] = role["keyids"] * 2, 2

    repo.before_signing["root"] = change
    s.step(repo.publish(), "refused", because="has a key id twice")


def one_key_under_two_ids(repo, role, respell=lambda key: key):
    def change(root):
        keyid = root["roles"][role]["keyids"][0]
        root["keys"]["other-id"] = respell(dict(root["keys"][keyid], keyval=dict(root["keys"][keyid]["keyval"])))
        root["roles"][role] = {"keyids": [keyid, "other-id"], "threshold": 2}

    repo.before_signing["root"] = change
    signer = repo.signers[role][0]
    repo.sign_as[role] = ([signer, signer], [signer.public_key.keyid, "other-id"])


@hostile("one key under two ids signs twice, to meet a threshold of two")
def one_key_counted_twice(s):
    repo = small_repo()
    one_key_under_two_ids(repo, "timestamp")
    s.step(repo.publish(), "refused", because="timestamp metadata has 1 valid signatures, 2 are needed")


@hostile("one key under two ids and two spellings signs twice, to meet a threshold of two")
def one_key_spelled_twice(s):
    repo = small_repo()

    def respell(key):
        key["keyval"]["public"] = key["keyval"]["public"].upper()
        return key

    one_key_under_two_ids(repo, "timestamp", respell)
    s.step(repo.publish(), "refused", because="timestamp metadata has 1 valid signatures, 2 are needed")


@hostile("one RSA key under two ids signs twice, to meet a threshold of two")
def one_rsa_key_counted_twice(s):
    repo = small_repo(key=lambda seed: rsa_pss(seed))

    def respell(key):
        key["keyval"]["public"] += "\n"
        return key

    one_key_under_two_ids(repo, "snapshot", respell)
    s.step(repo.publish(), "refused", because="snapshot metadata has 1 valid signatures, 2 are needed")


@hostile("a root with a threshold of nought")
def threshold_of_nought(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root["roles"]["timestamp"].update(threshold=0)
    s.step(repo.publish(), "refused", because="the threshold of timestamp is 0")


@hostile("a root with a negative threshold")
def threshold_below_nought(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root["roles"]["timestamp"].update(threshold=-1)
    s.step(repo.publish(), "refused", because="malformed")


@hostile("a root with a threshold of true")
def threshold_of_true(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root["roles"]["timestamp"].update(threshold=True)
    s.step(repo.publish(), "refused", because="malformed")


@hostile("a root without a timestamp role")
def root_without_a_role(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root["roles"].pop("timestamp") and None
    s.step(repo.publish(), "refused", because="no keys for timestamp")


@hostile("a root with the optional role mirrors")
def root_with_mirrors(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root["roles"].update(mirrors=root["roles"]["targets"])
    s.step(repo.publish(), "accepted", ["file.txt"])


@hostile("a root with a key of a type that no client knows, beside those that are enough")
def unknown_key_type(s):
    repo = small_repo()

    def change(root):
        root["keys"]["odd"] = {"keytype": "sundial", "scheme": "shadow", "keyval": {"identity": "x", "issuer": "y"}}
        root["roles"]["targets"]["keyids"].append("odd")

    repo.before_signing["root"] = change
    s.step(repo.publish(), "accepted", ["file.txt"])


@hostile("a role names a key id that no key has, beside one that is enough")
def key_id_without_a_key(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root["roles"]["targets"]["keyids"].append("nobody")
    s.step(repo.publish(), "accepted", ["file.txt"])


@hostile("a key that is no key, for which everybody can sign")
def key_of_small_order(s):
    repo = small_repo()
    everybody = "01" + "00" * 31

    def change(root):
        keyid = root["roles"]["timestamp"]["keyids"][0]
        root["keys"][keyid]["keyval"]["public"] = everybody

    repo.before_signing["root"] = change
    repo.publish()
    timestamp = json.loads(repo.files["metadata/timestamp.json"])
    timestamp["signatures"][0]["sig"] = everybody + "00" * 32
    repo.files["metadata/timestamp.json"] = json.dumps(timestamp).encode()
    s.step(repo, "refused", because="timestamp metadata has 0 valid signatures")


@hostile("an RSA key of 1024 bits")
def rsa_key_too_short(s):
    repo = small_repo()
    repo.publish()
    repo.rotate("timestamp", [rsa_pss("short", 1024)])
    s.step(repo.renew(), "refused", because="timestamp metadata has 0 valid signatures")


@hostile("a signature by another scheme than the key's")
def signature_of_another_scheme(s):
    repo = small_repo()
    key = repo.signers["timestamp"][0].public_key.keyid
    repo.sign_as["timestamp"] = ([p256("other")], [key])
    s.step(repo.publish(), "refused", because="timestamp metadata has 0 valid signatures")


@hostile("a root without keys")
def root_without_keys(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root.update(keys={})
    s.step(repo.publish(), "refused", because="root metadata has 0 valid signatures")


@hostile("root 2 says that it is a timestamp")
def root_of_another_type(s):
    repo = small_repo()
    repo.publish()
    repo.root.version += 1
    repo.before_signing["root"] = lambda root: root.update(_type="timestamp")
    repo.publish_root()
    s.step(repo.renew(), "refused", because="root metadata says that it is timestamp")


@hostile("root 2 rotates the online keys, and the online roles are still signed by the old ones")
def online_keys_rotated_and_not_used(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    old = repo.signers["timestamp"]
    repo.rotate("timestamp", [ed("new")])
    repo.sign_as["timestamp"] = old
    s.step(repo.renew(), "refused", because="timestamp metadata has 0 valid signatures")
    repo.sign_as.clear()
    s.step(repo.renew(), "accepted", ["file.txt"])


@hostile("root 2 takes the targets key away, and the targets role is still signed by it")
def targets_key_rotated_and_not_used(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted", ["file.txt"])
    old = repo.signers["targets"]
    repo.rotate("targets", [ed("new")])
    repo.sign_as["targets"] = old
    s.step(repo.renew(), "refused", ["file.txt"], "targets metadata has 0 valid signatures")


@hostile("a root version that is a text")
def root_version_of_another_type(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root.update(version="1")
    s.step(repo.publish(), "refused", because="malformed")


@hostile("a root of version 0")
def root_version_of_nought(s):
    repo = small_repo()
    repo.before_signing["root"] = lambda root: root.update(version=0)
    s.step(repo.publish(), "refused", because="version is 0")


@hostile("root 2 is signed over another text than it shows")
def root_changed_after_signing(s):
    repo = small_repo()
    repo.publish()
    root = repo.root.to_dict() | {"version": 2}
    data = sign(root, repo.signers["root"])
    repo.files["metadata/2.root.json"] = data.replace(b'"threshold": 1', b'"threshold": 2', 1)
    s.step(repo, "refused", because="valid signatures")
