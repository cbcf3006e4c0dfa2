"""Secrets that are used again: encrypted at rest, opened by the keys of the service and by nothing else."""

import pytest

from models.outbound.secret_box import SecretBox, SecretLost

OLD, NEW = "an old secret key of the service", "the secret key that follows it"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_what_was_sealed_is_opened_and_reads_as_nothing():
    box = SecretBox([OLD])

    sealed = box.seal(SECRET)

    assert box.open(sealed) == SECRET
    assert SECRET not in sealed
    assert sealed.isascii()


def test_one_secret_is_sealed_differently_each_time():
    box = SecretBox([OLD])

    assert box.seal(SECRET) != box.seal(SECRET)


def test_after_a_rotation_the_former_key_opens_and_the_new_one_seals():
    sealed = SecretBox([OLD]).seal(SECRET)
    rotated = SecretBox([NEW, OLD])

    assert rotated.open(sealed) == SECRET
    assert SecretBox([NEW]).open(rotated.seal(SECRET)) == SECRET


def test_what_a_former_key_sealed_is_sealed_anew_once():
    sealed = SecretBox([OLD]).seal(SECRET)
    rotated = SecretBox([NEW, OLD])

    anew = rotated.sealed_anew(sealed)

    assert SecretBox([NEW]).open(anew) == SECRET
    assert rotated.sealed_anew(anew) is None


def test_without_its_key_a_secret_is_lost():
    sealed = SecretBox([OLD]).seal(SECRET)

    for attempt in (SecretBox([NEW]).open, SecretBox([NEW]).sealed_anew):
        with pytest.raises(SecretLost) as lost:
            attempt(sealed)
        assert SECRET not in str(lost.value)
        assert OLD not in str(lost.value)


@pytest.mark.parametrize("change", [lambda text: text[:-2] + "xx", lambda text: "", lambda text: SECRET])
def test_what_was_changed_is_not_opened(change):
    box = SecretBox([OLD])

    with pytest.raises(SecretLost):
        box.open(change(box.seal(SECRET)))
