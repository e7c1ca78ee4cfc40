"""Attacks through targets roles and delegations."""

from hostile_online import two_versions
from repo import PAST, Repo, catalogue, ed, small_repo

ALL, hostile = catalogue()


def with_role(**options):
    """A repository in which `role` describes file.txt."""
    repo = Repo()
    repo.delegate("targets", "role", **({"paths": ["*"]} | options))
    repo.add_target("file.txt", b"a file\n", "role")
    return repo


@hostile("an old targets role stands in the new one's place")
def targets_replayed(s):
    repo = small_repo(hashes=False)
    s.step(repo.publish(), "accepted")
    old = repo.files["metadata/1.targets.json"]
    repo.targets.version += 1
    repo.renew()
    repo.files["metadata/2.targets.json"] = old
    s.step(repo, "refused", because="targets metadata has version 1 where 2 was announced")


@hostile("another targets role than the snapshot describes")
def targets_with_another_digest(s):
    repo, old = two_versions()
    repo.files["metadata/2.targets.json"] = old["metadata/1.targets.json"]
    s.step(repo, "refused", because="targets")


@hostile("snapshot and targets of two releases that were never one")
def mixed_releases(s):
    repo, old = two_versions()
    repo.files["metadata/2.snapshot.json"] = old["metadata/1.snapshot.json"]
    s.step(repo, "refused", because="snapshot")


@hostile("the targets role has expired")
def targets_expired(s):
    repo = small_repo()
    s.step(repo.publish(), "accepted")
    repo.targets.expires = PAST
    repo.targets.version += 1
    s.step(repo.renew(), "refused", because="targets metadata expired")


@hostile("the targets role has one of two signatures that it needs")
def targets_below_the_threshold(s):
    repo = small_repo(keys={"targets": 3}, thresholds={"targets": 2})
    repo.sign_as["targets"] = repo.signers["targets"][:1]
    s.step(repo.publish(), "refused", because="targets metadata has 1 valid signatures, 2 are needed")


@hostile("a delegated role stands where the top-level one is looked for")
def delegated_role_for_targets(s):
    repo = with_role()
    repo.hashes = False
    repo.publish()
    repo.files["metadata/1.targets.json"] = repo.files["metadata/1.role.json"]
    s.step(repo, "refused", because="targets metadata has 0 valid signatures")


@hostile("two delegated roles in each other's place")
def delegated_roles_swapped(s):
    repo = with_role()
    repo.hashes = False
    repo.delegate("targets", "other", paths=["*"])
    repo.publish()
    files = repo.files
    files["metadata/1.role.json"], files["metadata/1.other.json"] = (
        files["metadata/1.other.json"],
        files["metadata/1.role.json"],
    )
    s.step(repo, "refused", ["file.txt"], "role metadata has 0 valid signatures")


@hostile("a delegated role is signed by somebody else")
def delegated_by_another_key(s):
    repo = with_role()
    repo.sign_as["role"] = [ed("attacker")]
    s.step(repo.publish(), "refused", ["file.txt"], "role metadata has 0 valid signatures")


@hostile("a delegated role has one of two signatures that it needs")
def delegated_below_the_threshold(s):
    repo = with_role(keys=[ed("one"), ed("two")], threshold=2)
    repo.sign_as["role"] = [ed("one")]
    s.step(repo.publish(), "refused", ["file.txt"], "role metadata has 1 valid signatures, 2 are needed")


@hostile("a delegated role's key is taken away, and its old file is still served")
def delegated_key_revoked(s):
    repo = with_role()
    s.step(repo.publish(), "accepted", ["file.txt"])
    old = repo.signers["role"]
    repo.delegate("targets", "role", paths=["*"], key=ed("new"))
    repo.sign_as["role"] = old
    repo.targets.version += 1
    s.step(repo.renew(), "refused", ["file.txt"], "role metadata has 0 valid signatures")


@hostile("a delegated role has expired")
def delegated_expired(s):
    repo = with_role()
    repo.delegated["role"].expires = PAST
    s.step(repo.publish(), "refused", ["file.txt"], "role metadata expired")


@hostile("a delegated role is not in the snapshot")
def delegated_not_in_the_snapshot(s):
    repo = with_role()
    repo.before_signing["snapshot"] = lambda snapshot: snapshot["meta"].pop("role.json") and None
    s.step(repo.publish(), "refused", ["file.txt"], "role is not listed in the snapshot")


@hostile("a delegated role's file is missing; the search may not go on without it")
def delegated_missing(s):
    repo = with_role()
    repo.delegate("targets", "next", paths=["*"])
    repo.add_target("next.txt", b"next\n", "next")
    del repo.publish().files["metadata/1.role.json"]
    s.step(repo, "refused", ["next.txt"], "there is no role metadata")


@hostile("delegations in a circle, of which none has the target")
def delegations_in_a_circle(s):
    repo = with_role(paths=["*"])
    repo.delegate("role", "second", paths=["*"])
    repo.delegate("second", "role", paths=["*"], key=repo.signers["role"][0])
    repo.delegate("second", "second", paths=["*"], key=repo.signers["second"][0])
    s.step(repo.publish(), "accepted", ["file.txt"])
    s.step(repo, "refused", ["other.txt"], "there is no target other.txt")


@hostile("a role that delegates to itself under another key")
def delegation_to_itself(s):
    repo = with_role()
    key = repo.signers["role"]
    repo.delegate("role", "role", paths=["*"], key=ed("another"))
    repo.signers["role"] = key
    s.step(repo.publish(), "refused", ["other.txt"], "there is no target other.txt")


@hostile("one name is delegated to twice")
def role_name_twice(s):
    repo = with_role()
    repo.before_signing["targets"] = lambda t: t["delegations"]["roles"].append(t["delegations"]["roles"][0])
    s.step(repo.publish(), "refused", because='delegates to "role" twice')


def renamed(s, name):
    repo = with_role()
    repo.before_signing["targets"] = lambda t: t["delegations"]["roles"][0].update(name=name)
    s.step(repo.publish(), "refused", ["file.txt"], "delegates to a role named")


@hostile("a delegated role takes the name of a top-level one")
def role_named_snapshot(s):
    renamed(s, "snapshot")


@hostile("a delegated role takes the name of the role that delegates")
def role_named_targets(s):
    renamed(s, "targets")


@hostile("a delegated role without a name")
def role_without_a_name(s):
    renamed(s, "")


@hostile("a role describes a target outside of its paths")
def target_outside_of_the_paths(s):
    repo = with_role(paths=["role/*"])
    s.step(repo.publish(), "refused", ["file.txt"], "there is no target file.txt")


@hostile("a wildcard must not reach into a folder")
def wildcard_across_a_separator(s):
    repo = with_role(paths=["*"])
    repo.add_target("folder/file.txt", b"deep\n", "role")
    s.step(repo.publish(), "refused", ["folder/file.txt"], "there is no target folder/file.txt")


@hostile("the path is allowed by the last delegation of a chain, and not by the first")
def target_outside_of_the_chain(s):
    repo = Repo()
    repo.delegate("targets", "first", paths=["first/*"])
    repo.delegate("first", "second", paths=["*"])
    repo.add_target("file.txt", b"a file\n", "second")
    s.step(repo.publish(), "refused", ["file.txt"], "there is no target file.txt")


@hostile("a terminating delegation hides what later ones say")
def terminating_delegation(s):
    repo = Repo()
    repo.delegate("targets", "first", paths=["*"], terminating=True)
    repo.delegate("targets", "second", paths=["*"])
    repo.add_target("file.txt", b"a file\n", "second")
    s.step(repo.publish(), "refused", ["file.txt"], "there is no target file.txt")


@hostile("two roles describe a target: the one that is delegated to first speaks")
def two_roles_with_one_target(s):
    repo = Repo()
    repo.delegate("targets", "first", paths=["*"])
    repo.delegate("targets", "second", paths=["*"])
    repo.add_target("file.txt", b"the first's\n", "first")
    repo.add_target("file.txt", b"the second's\n", "second")
    s.step(repo.publish(), "accepted", ["file.txt"])


@hostile("more delegations than a search may visit")
def too_many_delegations(s):
    repo = Repo()
    key = ed("many")
    for n in range(40):
        repo.delegate("targets", f"role-{n}", paths=["*"], key=key)
    repo.add_target("file.txt", b"a file\n", "role-39")
    s.step(repo.publish(), "refused", ["file.txt"], "more than 32 delegated roles")


@hostile("a delegation with both kinds of paths")
def delegation_with_both_kinds_of_paths(s):
    repo = with_role()
    repo.before_signing["targets"] = lambda t: t["delegations"]["roles"][0].update(path_hash_prefixes=["00"])
    s.step(repo.publish(), "refused", because="both paths and path_hash_prefixes")


@hostile("a delegation with neither kind of paths speaks for none")
def delegation_without_paths(s):
    repo = with_role()
    repo.add_target("top.txt", b"top\n")
    repo.before_signing["targets"] = lambda t: t["delegations"]["roles"][0].pop("paths") and None
    s.step(repo.publish(), "accepted", ["top.txt"])
    s.step(repo, "refused", ["file.txt"], "there is no target file.txt")


@hostile("a delegation with a threshold of nought")
def delegation_with_a_threshold_of_nought(s):
    repo = with_role()
    repo.before_signing["targets"] = lambda t: t["delegations"]["roles"][0].update(threshold=0)
    s.step(repo.publish(), "refused", because="the threshold of role is 0")


@hostile("a planted delegated role in the client's folder")
def planted_delegated_role(s):
    repo = with_role()
    repo.publish()
    planted = Repo(key=lambda seed: ed(f"attacker {seed}"))
    planted.delegate("targets", "role", paths=["*"], key=ed("attacker"))
    planted.add_target("file.txt", b"planted\n", "role")
    data = planted.publish().files["metadata/1.role.json"]
    s.step(repo, "accepted", ["file.txt"], local={"role.json": data, "unknown.json": data})


@hostile("planted top-level roles in the client's folder")
def planted_top_level_roles(s):
    repo = small_repo()
    planted = small_repo(key=lambda seed: ed(f"attacker {seed}"))
    planted.targets.version = planted.snapshot.version = planted.timestamp.version = 9
    files = planted.publish().files
    local = {
        "timestamp.json": files["metadata/timestamp.json"],
        "snapshot.json": files["metadata/9.snapshot.json"],
        "targets.json": files["metadata/9.targets.json"],
    }
    s.step(repo.publish(), "accepted", ["file.txt"], local=local)


@hostile("two roles delegate to one, each with its own key, and it is signed by the first one's only")
def one_role_of_two_delegators(s):
    repo = Repo()
    repo.delegate("targets", "a", paths=["*"])
    repo.delegate("targets", "b", paths=["b*"])
    repo.delegate("a", "shared", paths=["a*"], key=ed("key of a"))
    signers = repo.signers["shared"]
    repo.delegate("b", "shared", paths=["b*"], key=ed("key of b"))
    repo.signers["shared"] = signers
    repo.add_target("a.txt", b"a\n", "shared")
    repo.add_target("b.txt", b"b\n", "shared")
    s.step(repo.publish(), "accepted", ["a.txt"])
    s.step(repo, "refused", ["b.txt"], "shared metadata has 0 valid signatures")
