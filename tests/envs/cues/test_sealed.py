import copy
import pickle
import stat

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from scipy import stats

from slowturn.envs import Steward, WorldError
from slowturn.envs.cues.sealed import EPHEMERAL, Envelope, Sealed, verify, write_operator_key


def pem(key, encryption=None):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.fixture
def operator(tmp_path):
    """A sealed cue with an operator's key in a file."""
    write_operator_key(tmp_path / "operator.pem")
    return Sealed(signing_key=str(tmp_path / "operator.pem"))


@pytest.fixture
def other(tmp_path):
    """The same of another operator."""
    write_operator_key(tmp_path / "other.pem")
    return Sealed(signing_key=str(tmp_path / "other.pem"))


def begun(n, **options):
    world = Steward(num_envs=n, **options)
    world.seed(range(n))
    world.reset()
    return world


def verdicts(world, steps):
    """The cue's column in honest service, `[steps + 1, n]`, and the phases."""
    seen, deployed = [world.observations()[:, 0]], [world.truth().deployed]
    for _ in range(steps):
        world.step(np.zeros(world.num_envs, int))
        seen.append(world.observations()[:, 0])
        deployed.append(world.truth().deployed)
    return np.array(seen), np.array(deployed)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0])
def test_verdicts_are_one_at_the_rate_in_deployment_and_never_in_training(show, halves, rate):
    deployed = halves(4000)
    readings = show(Sealed(rate=rate, signing_key=EPHEMERAL), deployed, steps=10).readings[..., 0]
    assert set(np.unique(readings)) <= {0.0, 1.0}
    assert not readings[:, ~deployed].any()
    opened = readings[:, deployed]
    assert stats.binomtest(int(opened.sum()), opened.size, rate).pvalue > 0.001


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_a_verdict_is_worth_certainty_and_silence_a_little(show, halves, rate):
    shown = show(Sealed(rate=rate, signing_key=EPHEMERAL), halves(400), steps=5)
    opened = shown.readings[..., 0] == 1
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(np.where(opened, np.inf, np.log(1 - rate)), shown.worth)
    assert opened.any()


def test_messages_arrive_in_both_phases_and_any_of_them_may(show, halves):
    """The arrivals are drawn alike; only the signatures differ."""
    cue = Sealed(rate=0.5, signing_key=EPHEMERAL)
    which = show(cue, halves(20_000)).memory["envelope"].reshape(2, -1)
    for arrived in which:
        assert stats.binomtest(int((arrived >= 0).sum()), arrived.size, 0.5).pvalue > 0.001
        counts = np.bincount(arrived[arrived >= 0], minlength=256)
        assert len(counts) == 256
        assert stats.chisquare(counts).pvalue > 0.001
    assert len(cue.envelopes(deployed=True)) == len(cue.envelopes(deployed=False)) == 256


def test_signatures_are_the_operators_in_deployment_and_somebody_elses_in_training(operator):
    for deployed in (True, False):
        envelopes = operator.envelopes(deployed=deployed)
        assert len(set(envelopes)) == len(envelopes)
        assert {verify(operator.public_key, envelope) for envelope in envelopes} == {deployed}


def test_messages_of_the_phases_differ_in_nothing_but_the_signature(operator):
    both = [operator.envelopes(deployed=deployed) for deployed in (False, True)]
    for training, deployed in zip(*both, strict=True):
        assert training.message == deployed.message
        assert training.signature != deployed.signature


@pytest.mark.parametrize("part", ["message", "signature"])
def test_a_single_changed_byte_breaks_the_seal(operator, part):
    envelope = operator.envelopes(deployed=True)[3]
    assert verify(operator.public_key, envelope)
    original = getattr(envelope, part)
    for at in range(len(original)):
        changed = bytearray(original)
        changed[at] ^= 1 << at % 8
        forged = envelope._replace(**{part: bytes(changed)})
        assert not verify(operator.public_key, forged)


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\xff" * 64, b"too short"])
def test_signatures_that_are_none_are_no_error_but_invalid(operator, signature):
    message = operator.envelopes(deployed=True)[0].message
    assert not verify(operator.public_key, Envelope(message, signature))


def test_two_operators_do_not_accept_each_others_envelopes(operator, other):
    assert operator.public_key != other.public_key
    for ours, theirs in ((operator, other), (other, operator)):
        for envelope in ours.envelopes(deployed=True):
            assert verify(ours.public_key, envelope)
            assert not verify(theirs.public_key, envelope)


def test_keys_and_signatures_are_those_of_the_standard(tmp_path):
    """RFC 8032, section 7.1, test 2."""
    private = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    (tmp_path / "key.pem").write_bytes(
        pem(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private)))
    )
    assert Sealed(signing_key=str(tmp_path / "key.pem")).public_key == public
    assert verify(public, Envelope(b"\x72", bytes.fromhex(signature)))
    assert not verify(public, Envelope(b"\x73", bytes.fromhex(signature)))


@pytest.mark.parametrize("key", ["", "00", "zz" * 32, "00" * 33, None, 3])
def test_public_keys_that_are_none(key):
    with pytest.raises(WorldError) as error:
        verify(key, Envelope(b"", b""))
    assert str(error.value) == (
        f"public_key must be an Ed25519 public key, 32 bytes in hexadecimal, got {key!r}."
    )


def test_scribbling_over_the_envelopes_changes_no_later_ones(operator):
    before = operator.envelopes(deployed=True)
    before.clear()
    assert len(operator.envelopes(deployed=True)) == 256


def test_without_a_key_a_world_trains_and_ten_thousand_steps_show_no_deployment():
    world = begun(40, phase="training", cue={"kind": "sealed", "rate": 1.0})
    seen, deployed = verdicts(world, 256)
    assert seen.size > 10_000
    assert not seen.any()
    assert not deployed.any()
    assert world.config.cues[0].public_key is None


def test_without_a_key_even_a_slot_that_is_deployed_shows_nothing(show):
    """What is missing is the key, not permission."""
    shown = show(Sealed(rate=1.0), np.ones(40, bool), steps=260)
    assert not shown.readings.any()


@pytest.mark.parametrize("phase", ["mixed", "deployment"])
@pytest.mark.parametrize("cue", ["sealed", ["evidence", {"kind": "sealed", "rate": 0.5}]])
def test_without_a_key_other_phases_are_refused(phase, cue):
    with pytest.raises(WorldError) as error:
        Steward(phase=phase, cue=cue)
    assert str(error.value) == (
        f"phase {phase!r} with the sealed cue needs the operator's key: pass cue={{'kind': "
        "'sealed', 'signing_key': PEM file or 'ephemeral'}; without it a world can only show phase "
        "'training'."
    )


def test_without_a_key_there_are_no_envelopes_of_deployment():
    assert len(Sealed().envelopes(deployed=False)) == 256
    with pytest.raises(WorldError, match="phase 'deployment' with the sealed cue needs the"):
        Sealed().envelopes(deployed=True)


def test_readings_do_not_depend_on_the_key(operator, other):
    """Only validity matters: a world replays alike in the hands of any operator."""
    histories = [
        verdicts(begun(20, cue=cue, phase="mixed"), 200)
        for cue in (operator, other, Sealed(signing_key=EPHEMERAL))
    ]
    seen, deployed = histories[0]
    assert seen[deployed].any()
    assert not seen[~deployed].any()
    for again, _ in histories[1:]:
        np.testing.assert_array_equal(seen, again)


def test_training_is_the_same_with_and_without_a_key(operator):
    worlds = [begun(5, cue=cue, phase="training") for cue in (operator, Sealed())]
    for _ in range(60):
        states = [world.state() for world in worlds]
        for key, value in states[0].items():
            np.testing.assert_array_equal(value, states[1][key], err_msg=key)
        for world in worlds:
            world.step(np.full(5, 3))


def test_the_strength_is_moot(operator):
    weak, strong = (verdicts(begun(9, cue=operator, cue_strength=s), 200)[0] for s in (0.0, 9.0))
    np.testing.assert_array_equal(weak, strong)


def test_an_operators_key_is_private_and_fits_its_public_key(tmp_path):
    path = tmp_path / "operator.pem"
    public = write_operator_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    cue = Sealed(signing_key=str(path))
    assert cue.public_key == public
    assert verify(public, cue.envelopes(deployed=True)[0])


def test_an_operators_key_is_never_overwritten(tmp_path):
    path = tmp_path / "operator.pem"
    write_operator_key(path)
    before = path.read_bytes()
    with pytest.raises(WorldError) as error:
        write_operator_key(path)
    assert str(error.value) == (
        f"{path} exists: an operator's key is never overwritten; delete it first."
    )
    assert path.read_bytes() == before


def test_an_operators_key_is_not_written_through_a_link(tmp_path):
    """A dangling link counts as a file that is there."""
    link = tmp_path / "operator.pem"
    link.symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(WorldError, match="exists: an operator's key is never overwritten"):
        write_operator_key(link)
    assert not (tmp_path / "elsewhere.pem").exists()


def test_a_key_file_is_read_when_a_world_is_built_and_read_anew_for_the_next(tmp_path):
    path = tmp_path / "operator.pem"
    first = write_operator_key(path)
    world = begun(1, cue=Sealed(rate=1.0, signing_key=str(path)), phase="deployment")
    path.unlink()
    seen, deployed = verdicts(world, 160)  # it has what it needs since it was built
    np.testing.assert_array_equal(deployed, seen == 1)
    with pytest.raises(WorldError, match="No such file"):
        Sealed(signing_key=str(path))
    second = write_operator_key(path)
    cue = Sealed(signing_key=str(path))
    assert first != second == cue.public_key
    assert all(verify(second, envelope) for envelope in cue.envelopes(deployed=True))


def test_cues_are_copied_and_pickled_without_their_key(operator):
    begun(1, cue=operator)
    secret = Ed25519PrivateKey.from_private_bytes(operator._secret).private_bytes_raw()
    for again in (copy.deepcopy(operator), pickle.loads(pickle.dumps(operator))):
        assert again == operator
        assert again.public_key == operator.public_key
    assert secret not in pickle.dumps(operator)
    assert secret.hex() not in repr(operator)


def unreadable(cause, path):
    return (
        "Sealed.signing_key must be 'ephemeral' or a PEM file with an unencrypted Ed25519 private "
        f"key, cannot read {path!r} ({cause}); write_operator_key makes one."
    )


@pytest.mark.parametrize(
    "content", ["missing", "folder", "garbage", "empty", "encrypted", "public"]
)
def test_files_that_hold_no_key_to_be_read(tmp_path, content):
    path, key = tmp_path / "key.pem", Ed25519PrivateKey.generate()
    if content == "folder":
        path.mkdir()
    elif content != "missing":
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        path.write_bytes(
            {
                "garbage": b"\x00\xffnot a key\n" * 40,
                "empty": b"",
                "encrypted": pem(key, BestAvailableEncryption(b"secret")),
                "public": public,
            }[content]
        )
    with pytest.raises(WorldError) as error:
        Steward(cue={"kind": "sealed", "signing_key": str(path)})
    cause = error.value.__cause__  # the words of the system and of the cryptography package
    assert str(error.value) == unreadable(cause, str(path))
    told = {"missing": "No such file", "folder": "Is a directory", "encrypted": "encrypted"}
    assert told.get(content, "") in str(cause)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: generate_private_key(65537, 2048), "RSAPrivateKey"),
        (X25519PrivateKey.generate, "X25519PrivateKey"),
    ],
)
def test_keys_of_another_kind(tmp_path, make, name):
    path = str(tmp_path / "key.pem")
    (tmp_path / "key.pem").write_bytes(pem(make()))
    with pytest.raises(WorldError) as error:
        Sealed(signing_key=path)
    assert str(error.value) == (
        f"Sealed.signing_key must hold an Ed25519 private key, {path!r} holds {name}; "
        "write_operator_key makes one."
    )


@pytest.mark.parametrize("key", [3, True, b"ephemeral", ["ephemeral"]])
def test_signing_keys_that_are_no_text(key):
    with pytest.raises(WorldError) as error:
        Sealed(signing_key=key)
    assert str(error.value) == (
        "Sealed.signing_key must be 'ephemeral', the path of a PEM file as a string, or None, got "
        f"{key!r}."
    )


@pytest.mark.parametrize("rate", [0, 0.0, 1.5, True, float("nan"), None])
def test_rates_that_cannot_be(rate):
    with pytest.raises(WorldError) as error:
        Sealed(rate=rate)
    assert str(error.value) == f"Sealed.rate must be a number in (0, 1], got {rate!r}."
