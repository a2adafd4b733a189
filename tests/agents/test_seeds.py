from slowturn.agents.seeds import episode_seeds, purpose_seed


def test_purposes_share_no_seed():
    seeds = [
        seed
        for purpose in ("training", "fit", "calibration", "test", "gates")
        for organism in range(3)
        for seed in episode_seeds(200, purpose, "honest", "slow", organism)
    ]
    assert len(set(seeds)) == len(seeds)


def test_word_boundaries_matter():
    assert purpose_seed("ab", "c") != purpose_seed("a", "bc")


def test_seeds_are_the_same_everywhere():
    assert purpose_seed("training", "honest", 0) == 994032942868799419
