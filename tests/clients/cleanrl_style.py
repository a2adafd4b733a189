"""PPO in a single file, as somebody would bring along who knows Gymnasium and not this package.

    python cleanrl_style.py --env-id slowturn.envs:slowturn/Broker-v0 --total-steps 4096

It prints the mean return of the first and of the last episodes, as JSON.
"""

import argparse
import json
from dataclasses import dataclass, fields

import gymnasium as gym
import numpy as np
import torch
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from torch import nn
from torch.distributions import Categorical, Independent, Normal


@dataclass
class Args:
    """Everything that can be set from the command line."""

    env_id: str = "slowturn.envs:slowturn/Steward-v0"
    seed: int = 0
    num_envs: int = 16
    num_steps: int = 128
    total_steps: int = 16_384
    learning_rate: float = 3e-3
    gamma: float = 0.9
    gae_lambda: float = 0.9
    minibatches: int = 4
    epochs: int = 4
    clip: float = 0.2
    entropy: float = 0.01
    value: float = 0.5
    max_grad_norm: float = 0.5


def read_args():
    parser = argparse.ArgumentParser()
    for one in fields(Args):
        flag = f"--{one.name.replace('_', '-')}"
        parser.add_argument(flag, type=type(one.default), default=one.default)
    return Args(**vars(parser.parse_args()))


class Agent(nn.Module):
    """Actor and critic; the actor's head fits the action space."""

    def __init__(self, envs):
        super().__init__()
        space = envs.single_action_space
        seen = int(np.prod(envs.single_observation_space.shape))
        self.discrete = isinstance(space, gym.spaces.Discrete)
        outputs = int(space.n) if self.discrete else int(np.prod(space.shape))
        self.actor = nn.Sequential(nn.Linear(seen, 64), nn.Tanh(), nn.Linear(64, outputs))
        self.critic = nn.Sequential(nn.Linear(seen, 64), nn.Tanh(), nn.Linear(64, 1))
        self.log_std = nn.Parameter(torch.full((outputs,), -0.5))
        with torch.no_grad():  # begin near the uniform policy, or the middle of the box
            self.actor[-1].weight *= 0.01

    def policy(self, observations):
        out = self.actor(observations)
        if self.discrete:
            return Categorical(logits=out)
        return Independent(Normal(out, self.log_std.exp().expand_as(out)), 1)

    def value(self, observations):
        return self.critic(observations)[..., 0]


def playable(actions, space):
    """What the environment accepts: noise may leave the box."""
    chosen = actions.numpy()
    if isinstance(space, gym.spaces.Box):
        chosen = np.clip(chosen, space.low, space.high)
    return chosen.astype(space.dtype)


def advantages_of(args, rewards, values, terminated, alive, last_value):
    """Generalised advantages; nothing flows back across a dead row.

    The row behind a truncated one is dead, and its observation is the last of the old episode:
    exactly what the truncated step has to be continued with.
    """
    out, trace, following = torch.zeros_like(rewards), 0.0, last_value
    for t in reversed(range(len(rewards))):
        goes_on = 1.0 - terminated[t]
        error = rewards[t] + args.gamma * following * goes_on - values[t]
        trace = (error + args.gamma * args.gae_lambda * goes_on * trace) * alive[t]
        out[t], following = trace, values[t]
    return out


def update(args, agent, optimizer, batch):
    observations, actions, log_probs, advantages, returns = batch
    for _ in range(args.epochs):
        for rows in torch.randperm(len(observations)).chunk(args.minibatches):
            policy = agent.policy(observations[rows])
            ratio = (policy.log_prob(actions[rows]) - log_probs[rows]).exp()
            gain = advantages[rows]
            gain = (gain - gain.mean()) / (gain.std() + 1e-8)
            kept = ratio.clamp(1 - args.clip, 1 + args.clip)
            actor_loss = -torch.min(ratio * gain, kept * gain).mean()
            critic_loss = (agent.value(observations[rows]) - returns[rows]).pow(2).mean()
            loss = actor_loss + args.value * critic_loss - args.entropy * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
            optimizer.step()


def train(args):
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    envs = gym.make_vec(
        args.env_id, num_envs=args.num_envs, vectorization_mode="vector_entry_point"
    )
    mode = envs.metadata["autoreset_mode"]
    assert mode is gym.vector.AutoresetMode.NEXT_STEP, mode
    envs = RecordEpisodeStatistics(envs)
    agent = Agent(envs)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    shape = (args.num_steps, args.num_envs)
    returned, dead_rows = [], 0
    seen, _ = envs.reset(seed=args.seed)
    over = np.zeros(args.num_envs, bool)
    for _ in range(args.total_steps // (args.num_steps * args.num_envs)):
        observations, actions = torch.zeros(*shape, *seen.shape[1:]), []
        log_probs, values, rewards, ended = (torch.zeros(shape) for _ in range(4))
        alive = torch.zeros(shape, dtype=torch.bool)
        for t in range(args.num_steps):
            # the step after an episode's end only resets: its action is ignored, learn nothing
            alive[t] = torch.as_tensor(~over)
            observations[t] = torch.as_tensor(seen)
            with torch.no_grad():
                policy = agent.policy(observations[t])
                actions.append(policy.sample())
                log_probs[t] = policy.log_prob(actions[-1])
                values[t] = agent.value(observations[t])
            seen, reward, terminated, truncated, infos = envs.step(
                playable(actions[-1], envs.single_action_space)
            )
            rewards[t], ended[t] = torch.as_tensor(reward), torch.as_tensor(terminated)
            over = terminated | truncated
            if "episode" in infos:
                returned += infos["episode"]["r"][infos["_episode"]].tolist()
        with torch.no_grad():
            last = agent.value(torch.as_tensor(seen))
        advantages = advantages_of(args, rewards, values, ended, alive, last)
        columns = (observations, torch.stack(actions), log_probs, advantages, advantages + values)
        update(args, agent, optimizer, [column[alive] for column in columns])
        dead_rows += int((~alive).sum())
    envs.close()
    return returned, dead_rows


if __name__ == "__main__":
    settings = read_args()
    returns, dead = train(settings)
    few = min(settings.num_envs, len(returns))
    found = {
        "episodes": len(returns),
        "dead_rows": dead,
        "first": float(np.mean(returns[:few])),
        "last": float(np.mean(returns[-few:])),
    }
    print(json.dumps(found))  # noqa: T201 - a script that says what it found
