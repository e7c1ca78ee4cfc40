"""Attacks on target files, and on JSON itself."""

import hashlib

from repo import Repo, catalogue, small_repo

ALL, hostile = catalogue()
FILE = b"a file\n"
PLACE = f"targets/{hashlib.sha256(FILE).hexdigest()}.file.txt"


@hostile("another file of the same length")
def target_with_another_content(s):
    repo = small_repo().publish()
    repo.files[PLACE] = FILE.upper()
    s.step(repo, "refused", ["file.txt"], "file.txt has not the announced sha256 digest")


@hostile("a file with something after its end")
def target_with_more_content(s):
    repo = small_repo().publish()
    repo.files[PLACE] = FILE + b"x" * 100_000
    s.step(repo, "refused", ["file.txt"], "longer than 7 bytes")


@hostile("a file that ends early")
def target_with_less_content(s):
    repo = small_repo().publish()
    repo.files[PLACE] = FILE[:3]
    s.step(repo, "refused", ["file.txt"], "file.txt has 3 bytes where 7 were promised")


@hostile("a file that is not there")
def target_missing(s):
    repo = small_repo().publish()
    del repo.files[PLACE]
    s.step(repo, "refused", ["file.txt"], "there is no such file")


@hostile("the first of two files is bad: the second is not asked for")
def second_target_after_a_bad_one(s):
    repo = small_repo()
    repo.add_target("second.txt", b"second\n")
    repo.publish().files[PLACE] = b"bad"
    s.step(repo, "refused", ["file.txt", "second.txt"], "file.txt")
    s.step(repo, "refused", ["second.txt", "file.txt"], "file.txt")


@hostile("one of two digests is right")
def target_with_one_right_digest(s):
    repo = Repo()
    repo.add_target("file.txt", FILE, algorithms=["sha256", "sha512"])
    repo.targets.targets["file.txt"].hashes["sha512"] = "0" * 128
    s.step(repo.publish(), "refused", ["file.txt"], "sha512 digest")


@hostile("a target without digests")
def target_without_digests(s):
    repo = small_repo()
    repo.before_signing["targets"] = lambda targets: targets["targets"]["file.txt"].update(hashes={})
    s.step(repo.publish(), "refused", because="no digest for")


@hostile("a target of negative length")
def target_of_negative_length(s):
    repo = small_repo()
    repo.before_signing["targets"] = lambda targets: targets["targets"]["file.txt"].update(length=-1)
    s.step(repo.publish(), "refused", because="malformed")


@hostile("a target of impossible length")
def target_of_impossible_length(s):
    repo = small_repo()
    repo.before_signing["targets"] = lambda targets: targets["targets"]["file.txt"].update(length=2**63)
    s.step(repo.publish(), "refused", ["file.txt"], "file.txt has 7 bytes where 9223372036854775808 were promised")


@hostile("a target path that climbs out of every folder")
def target_that_climbs(s):
    repo = Repo()
    repo.add_target("../../climbed.txt", b"climbed\n")
    repo.add_target("..", b"dots\n")
    repo.add_target("/absolute.txt", b"absolute\n")
    s.step(repo.publish(), "accepted", ["../../climbed.txt", "/absolute.txt"])


def timestamp_text(s, change, because):
    repo = small_repo().publish()
    name = "metadata/timestamp.json"
    changed = change(repo.files[name])
    assert changed != repo.files[name]
    repo.files[name] = changed
    s.step(repo, "refused", because=because)


@hostile("a name stands twice: which of the two was signed?")
def json_name_twice(s):
    timestamp_text(s, lambda text: text.replace(b'"_type"', b'"_type": "root",\n  "_type"', 1), "stands twice")


@hostile("something stands after the end of the JSON text")
def json_with_a_tail(s):
    timestamp_text(s, lambda text: text + b"{}", "malformed")


@hostile("a JSON text that ends early")
def json_cut_off(s):
    timestamp_text(s, lambda text: text[: len(text) // 2], "malformed")


@hostile("no JSON at all")
def json_that_is_none(s):
    timestamp_text(s, lambda text: b"<html>", "malformed")


@hostile("an empty file")
def json_of_no_bytes(s):
    timestamp_text(s, lambda text: b"", "malformed")


@hostile("brackets, as many as fit")
def json_nested_deeply(s):
    timestamp_text(s, lambda text: b"[" * 16_000, "malformed")


@hostile("a list where an object belongs")
def json_of_another_type(s):
    timestamp_text(s, lambda text: b"[]", "not an object")


@hostile("bytes that are no UTF-8")
def json_of_other_bytes(s):
    timestamp_text(s, lambda text: text.replace(b"timestamp", b"timest\xffmp", 1), "malformed")


@hostile("half of a pair of surrogates")
def json_with_half_a_character(s):
    timestamp_text(s, lambda text: text.replace(b'"_type"', b'"x": "\\ud800", "_type"', 1), "malformed")


@hostile("a number that is none")
def json_with_nan(s):
    timestamp_text(s, lambda text: text.replace(b'"_type"', b'"x": NaN, "_type"', 1), "malformed")


@hostile("a fraction in a field that nobody knows")
def json_with_a_fraction(s):
    timestamp_text(s, lambda text: text.replace(b'"_type"', b'"x": 1.5, "_type"', 1), "malformed")


@hostile("white space and escapes where the signer had none: the same value, so the same signature")
def json_written_differently(s):
    repo = small_repo().publish()
    name = "metadata/timestamp.json"
    repo.files[name] = repo.files[name].replace(b'"_type"', b'\n\t "\\u005ftype"', 1)
    s.step(repo, "accepted", ["file.txt"])


@hostile("signatures that are no list")
def signatures_of_another_type(s):
    timestamp_text(s, lambda text: b'{"signatures": {}, "signed": {}}', "signatures are not a list")


@hostile("a signature that is no hexadecimal number")
def signature_of_other_characters(s):
    repo = small_repo().publish()
    name = "metadata/timestamp.json"
    text = repo.files[name].decode()
    first = text.index('"sig": "') + len('"sig": "')
    repo.files[name] = (text[:first] + "z" + text[first + 1 :]).encode()
    s.step(repo, "refused", because="timestamp metadata has 0 valid signatures")
