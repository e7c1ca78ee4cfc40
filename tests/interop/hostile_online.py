"""Attacks with timestamps and snapshots: rollback, freeze, mix-and-match, fast-forward."""

from repo import PAST, catalogue, ed, small_repo

ALL, hostile = catalogue()


def two_versions():
    """A repository after its second release, and the files of the first."""
    repo = small_repo()
    old = dict(repo.publish().files)
    repo.add_target("file.txt", b"another file\n")
    repo.targets.version += 1
    return repo.renew(), old


@hostile("an older timestamp is served again")
def timestamp_rolled_back(s):
    repo, old = two_versions()
    s.step(repo, "accepted", ["file.txt"])
    repo.files["metadata/timestamp.json"] = old["metadata/timestamp.json"]
    s.step(repo, "refused", because="timestamp metadata of version 1 is older than the trusted 2")


@hostile("a timestamp of the same version says something else")
def timestamp_of_the_same_version(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted", ["file.txt"])
    repo.snapshot.version += 1
    repo.add_target("file.txt", b"another file\n")
    repo.targets.version += 1
    # Discarded without an error: what the client has is still good.
    s.step(repo.publish(), "accepted", ["file.txt"])
    s.step(repo.renew(), "accepted", ["file.txt"])


@hostile("a newer timestamp lists an older snapshot")
def timestamp_lists_an_older_snapshot(s):
    repo, _ = two_versions()
    s.step(repo, "accepted")
    repo.snapshot.version = 1
    repo.timestamp.version += 1
    s.step(repo.publish(), "refused", because="snapshot metadata of version 1 is older than the trusted 2")


@hostile("the timestamp has expired")
def timestamp_expired(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    repo.timestamp.expires = PAST
    s.step(repo.renew(), "refused", because="timestamp metadata expired")


@hostile("a client stored a timestamp that expires meanwhile, and the same one is all that is served")
def stored_timestamp_expired(s):
    repo = small_repo()
    repo.timestamp.expires = PAST
    stored = repo.publish().files["metadata/timestamp.json"]
    s.step(repo, "refused", because="timestamp metadata expired", local={"timestamp.json": stored})
    repo.timestamp.expires = PAST.replace(year=2119)
    s.step(repo.publish(), "refused", because="timestamp metadata expired", local={"timestamp.json": stored})
    s.step(repo.renew(), "accepted")


@hostile("a stored, expired timestamp still holds versions up")
def stored_expired_timestamp_against_a_rollback(s):
    repo = small_repo()
    repo.timestamp.version, repo.timestamp.expires = 7, PAST
    stored = repo.publish().files["metadata/timestamp.json"]
    repo.timestamp.version, repo.timestamp.expires = 6, PAST.replace(year=2119)
    s.step(repo.publish(), "refused", because="older than the trusted 7", local={"timestamp.json": stored})


@hostile("the timestamp is signed by the snapshot's key")
def timestamp_by_another_key(s):
    repo = small_repo()
    repo.sign_as["timestamp"] = repo.signers["snapshot"]
    s.step(repo.publish(), "refused", because="timestamp metadata has 0 valid signatures")


@hostile("the signature stands under the right key id and is another key's")
def timestamp_by_another_key_under_the_right_id(s):
    repo = small_repo()
    repo.sign_as["timestamp"] = ([ed("attacker")], [repo.signers["timestamp"][0].public_key.keyid])
    s.step(repo.publish(), "refused", because="timestamp metadata has 0 valid signatures")


@hostile("two signatures under one key id")
def signature_twice(s):
    repo = small_repo(keys={"timestamp": 2}, thresholds={"timestamp": 2})
    signer = repo.signers["timestamp"][0]
    repo.sign_as["timestamp"] = [signer, signer]
    s.step(repo.publish(), "refused", because="two signatures with one key id")


@hostile("a bad signature beside enough good ones")
def signature_that_is_none(s):
    repo = small_repo(keys={"timestamp": 3}, thresholds={"timestamp": 1})
    repo.publish()
    text = repo.files["metadata/timestamp.json"].decode()
    first = text.index('"sig": "') + len('"sig": "')
    repo.files["metadata/timestamp.json"] = (text[:first] + text[first + 128 :]).encode()
    s.step(repo, "accepted")


@hostile("the timestamp is longer than any client takes")
def timestamp_without_end(s):
    repo = small_repo()
    repo.publish()
    repo.files["metadata/timestamp.json"] += b" " * (1 << 20)
    s.step(repo, "refused", because="timestamp metadata is longer than")


@hostile("there is no timestamp")
def timestamp_missing(s):
    repo = small_repo()
    del repo.publish().files["metadata/timestamp.json"]
    s.step(repo, "refused", because="there is no timestamp metadata")


@hostile("another snapshot than the timestamp describes")
def snapshot_with_another_digest(s):
    repo = small_repo()
    repo.publish()
    repo.files["metadata/1.snapshot.json"] = repo.files["metadata/1.snapshot.json"].replace(b'": {', b'":  {', 1)
    s.step(repo, "refused", because="snapshot metadata is longer than")
    repo.snapshot.unrecognized_fields["x"] = "y"
    s.step(repo.renew(), "accepted")
    data = repo.files["metadata/2.snapshot.json"]
    repo.renew()
    repo.files["metadata/3.snapshot.json"] = data
    s.step(repo, "refused", because="snapshot has not the announced sha256 digest")


@hostile("the snapshot of another version than the timestamp announces, which lists no digests")
def snapshot_of_another_version(s):
    repo = small_repo(hashes=False)
    s.step(repo.publish(), "accepted")
    old = repo.files["metadata/1.snapshot.json"]
    repo.renew()
    repo.files["metadata/2.snapshot.json"] = old
    s.step(repo, "refused", because="snapshot metadata has version 1 where 2 was announced")


@hostile("a new snapshot no longer lists a delegated role")
def snapshot_drops_a_role(s):
    repo = small_repo()
    repo.delegate("targets", "role", paths=["*"])
    s.step(repo.publish(), "accepted")
    repo.before_signing["snapshot"] = lambda snapshot: snapshot["meta"].pop("role.json") and None
    s.step(repo.renew(), "refused", because="role is no longer listed")


@hostile("a new snapshot lists an older targets role")
def snapshot_rolls_targets_back(s):
    repo, old = two_versions()
    s.step(repo, "accepted")
    repo.targets.version = 1
    s.step(repo.renew(), "refused", because="targets metadata of version 1 is older than the trusted 2")


@hostile("a new snapshot lists an older delegated role")
def snapshot_rolls_a_delegated_role_back(s):
    repo = small_repo()
    repo.delegate("targets", "role", paths=["*"])
    repo.delegated["role"].version = 5
    s.step(repo.publish(), "accepted")
    repo.delegated["role"].version = 4
    s.step(repo.renew(), "refused", because="role metadata of version 4 is older than the trusted 5")


@hostile("a rollback of targets, while the stored snapshot is not the one that the timestamp describes")
def rollback_beside_a_digest_mismatch(s):
    repo = small_repo(hashes=False)
    repo.targets.version = 2
    s.step(repo.publish(), "accepted")
    repo.hashes, repo.targets.version = True, 1
    s.step(repo.renew(), "refused", because="targets metadata of version 1 is older than the trusted 2")


@hostile("the snapshot has expired")
def snapshot_expired(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    repo.snapshot.expires = PAST
    s.step(repo.renew(), "refused", because="snapshot metadata expired")


@hostile("the timestamp describes another snapshot of the version that is stored")
def snapshot_changes_under_its_version(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted", ["file.txt"])
    repo.timestamp.version += 1
    repo.add_target("file.txt", b"another file\n")
    repo.targets.version += 1
    s.step(repo.publish(), "accepted", ["file.txt"])


@hostile("stolen online keys raise the versions, and then the honest ones come back without a rotation")
def fast_forward_without_recovery(s):
    repo = small_repo()
    repo.timestamp.version = repo.snapshot.version = 2**31 - 1
    s.step(repo.publish(), "accepted")
    repo.timestamp.version = repo.snapshot.version = 2
    s.step(repo.publish(), "refused", because="older than the trusted 2147483647")


@hostile("the snapshot does not list the targets role")
def snapshot_without_targets(s):
    repo = small_repo()
    repo.before_signing["snapshot"] = lambda snapshot: snapshot["meta"].pop("targets.json") and None
    s.step(repo.publish(), "refused", because="targets is not listed in the snapshot")


@hostile("versions beyond 2^53, which some readers round")
def versions_beyond_2_53(s):
    repo = small_repo()
    repo.timestamp.version = repo.snapshot.version = repo.targets.version = 2**53 + 1
    s.step(repo.publish(), "accepted", ["file.txt"])
    repo.timestamp.version = repo.snapshot.version = repo.targets.version = 2**53
    s.step(repo.publish(), "refused", because="timestamp metadata of version 9007199254740992 is older")


@hostile("the largest version of 64 bits")
def versions_of_2_64_less_1(s):
    repo = small_repo()
    repo.timestamp.version = repo.snapshot.version = repo.targets.version = 2**64 - 1
    s.step(repo.publish(), "accepted", ["file.txt"]).step(repo, "accepted")


@hostile("a version beyond 64 bits")
def version_beyond_64_bits(s):
    repo = small_repo()
    repo.timestamp.version = 2**64
    s.step(repo.publish(), "refused", because="malformed")


@hostile("a version that is a fraction")
def version_of_a_fraction(s):
    repo = small_repo()
    repo.publish()
    repo.files["metadata/timestamp.json"] = repo.files["metadata/timestamp.json"].replace(
        b'"version": 1\n }', b'"version": 1.0\n }'
    )
    assert b"1.0\n" in repo.files["metadata/timestamp.json"]
    s.step(repo, "refused", because="malformed")


@hostile("a negative version")
def version_below_nought(s):
    repo = small_repo()
    repo.before_signing["timestamp"] = lambda timestamp: timestamp.update(version=-1)
    s.step(repo.publish(), "refused", because="malformed")


@hostile("the snapshot stands where the timestamp is looked for, and both have one key")
def snapshot_for_a_timestamp(s):
    key = ed("both")
    repo = small_repo(key=lambda seed: key)
    repo.publish()
    repo.files["metadata/timestamp.json"] = repo.files["metadata/1.snapshot.json"]
    s.step(repo, "refused", because="timestamp metadata says that it is snapshot")


@hostile("a timestamp that lists no snapshot")
def timestamp_without_a_snapshot(s):
    repo = small_repo()
    repo.before_signing["timestamp"] = lambda timestamp: timestamp.update(meta={})
    s.step(repo.publish(), "refused", because="lists no snapshot")


@hostile("a snapshot that is listed with an empty set of digests")
def digests_without_a_digest(s):
    repo = small_repo()
    repo.before_signing["timestamp"] = lambda timestamp: timestamp["meta"]["snapshot.json"].update(hashes={})
    s.step(repo.publish(), "refused", because="no digest in the digests")


@hostile("a snapshot that is listed by a known and an unknown digest")
def digest_of_an_unknown_algorithm_beside_a_known_one(s):
    repo = small_repo()
    repo.before_signing["timestamp"] = lambda t: t["meta"]["snapshot.json"]["hashes"].update(abacus="00")
    s.step(repo.publish(), "accepted", ["file.txt"])


@hostile("a snapshot that is listed by an unknown digest only")
def digest_of_an_unknown_algorithm(s):
    repo = small_repo()
    repo.before_signing["timestamp"] = lambda t: t["meta"]["snapshot.json"].update(hashes={"abacus": "00"})
    s.step(repo.publish(), "refused", because="without a digest that is known")


@hostile("a date that is none")
def date_that_is_none(s):
    repo = small_repo()
    repo.before_signing["timestamp"] = lambda timestamp: timestamp.update(expires="2120-02-30T00:00:00Z")
    s.step(repo.publish(), "refused", because="malformed")


@hostile("a date with an offset")
def date_with_an_offset(s):
    repo = small_repo()
    repo.before_signing["timestamp"] = lambda timestamp: timestamp.update(expires="2120-01-01T00:00:00+00:00")
    s.step(repo.publish(), "refused", because="malformed")


@hostile("a date that leaves out noughts")
def date_without_noughts(s):
    repo = small_repo()
    repo.before_signing["timestamp"] = lambda timestamp: timestamp.update(expires="2120-1-1T0:0:0Z")
    s.step(repo.publish(), "refused", because="malformed")


@hostile("a snapshot by the specification's next version")
def specification_2(s):
    repo = small_repo()
    repo.before_signing["snapshot"] = lambda snapshot: snapshot.update(spec_version="2.0.0")
    s.step(repo.publish(), "refused", because="follows specification 2.0.0")
