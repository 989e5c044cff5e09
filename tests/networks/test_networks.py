"""One contract for every network."""

import pytest
import torch

from lvmass.networks import NETWORKS, build_network
from lvmass.networks.elvmass_net import LEAD_GROUPS, ElvmassNet
from lvmass.networks.tcn import Tcn, TimeConv


@pytest.fixture(params=sorted(NETWORKS))
def network(request: pytest.FixtureRequest) -> torch.nn.Module:
    torch.manual_seed(0)
    network = build_network(request.param, n_covariates=4, n_samples=400).eval()
    for parameter in network.parameters():  # eLVMass-Net starts its last layer at zero
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.mark.parametrize("batch", [1, 5])
def test_maps_a_batch_to_one_number_each(network: torch.nn.Module, batch: int) -> None:
    assert network(torch.randn(batch, 12, 400), torch.randn(batch, 4)).shape == (batch,)


def test_people_do_not_influence_each_other(network: torch.nn.Module) -> None:
    beats, covariates = torch.randn(3, 12, 400), torch.randn(3, 4)
    together = network(beats, covariates)
    alone = torch.cat([network(beats[i : i + 1], covariates[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_gradient_reaches_every_lead_it_reads_and_every_covariate(network: torch.nn.Module) -> None:
    beats = torch.randn(8, 12, 400, requires_grad=True)
    covariates = torch.randn(8, 4, requires_grad=True)
    network(beats, covariates).sum().backward()
    assert beats.grad is not None
    assert covariates.grad is not None
    reached = beats.grad.abs().sum(dim=(0, 2)) > 0
    derived = [2, 3, 4, 5]  # III, aVR, aVL, aVF follow from I and II, and the FCN leaves them out
    assert all(bool(reached[lead]) for lead in range(12) if lead not in derived)
    assert bool((covariates.grad.abs().sum(dim=0) > 0).all())


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_works_without_covariates(name: str) -> None:
    assert build_network(name, n_covariates=0).eval()(torch.randn(2, 12, 400), torch.empty(2, 0)).shape == (2,)


def test_unknown_network_and_argument() -> None:
    with pytest.raises(ValueError, match="There is no network 'tcn'; there are cnn-lstm, elvmass-net, fcn"):
        build_network("tcn", n_covariates=1)
    with pytest.raises(ValueError, match="Network 'fcn' has no argument 'depth'"):
        build_network("fcn", n_covariates=1, depth=3)
    assert "channels" in NETWORKS["elvmass-net"].arguments


def test_lvm_ai_has_the_size_of_the_published_file() -> None:
    # ECG only, as in the published file: 1 047 497 parameters (study facts 2.4)
    network = build_network("lvm-ai", n_covariates=0, n_samples=5000)
    assert sum(p.numel() for p in network.parameters()) == 1_047_497


@pytest.mark.parametrize(("levels", "kernel", "stride"), [(3, 3, 1), (4, 5, 2), (5, 5, 4)])
def test_receptive_field_is_what_the_gradient_sees(levels: int, kernel: int, stride: int) -> None:
    tcn = Tcn(1, channels=2, levels=levels, kernel=kernel, stem_stride=stride, dropout=0.0).eval()
    for parameter in tcn.parameters():
        parameter.data.abs_()  # with positive weights and inputs no unit is silent
    x = torch.ones(1, 1, 1, 2048, requires_grad=True)
    out = tcn(x)
    out[..., out.shape[-1] // 2].sum().backward()
    assert x.grad is not None
    seen = x.grad.flatten().nonzero().flatten()
    assert int(seen[-1] - seen[0]) + 1 == tcn.receptive_field_samples


def test_beat_longer_than_the_receptive_field_is_refused() -> None:
    with pytest.raises(ValueError, match=r"eLVMass-Net sees 58 samples but its input has 400"):
        build_network("elvmass-net", n_covariates=1, n_samples=400, levels=3, stem_stride=1, kernel=5)


def test_plain_cnn_has_the_size_of_the_tcn_but_sees_less() -> None:
    tcn, cnn = (build_network("elvmass-net", n_covariates=1, dilated=dilated) for dilated in (True, False))
    assert sum(p.numel() for p in tcn.parameters()) == sum(p.numel() for p in cnn.parameters())
    assert {m.dilation for m in cnn.modules() if isinstance(m, TimeConv)} == {(1, 1)}
    assert max(m.dilation for m in tcn.modules() if isinstance(m, TimeConv)) == (1, 16)


def test_weight_normalization_takes_the_place_of_batch_normalization() -> None:
    network = build_network("elvmass-net", n_covariates=1, norm="weight")
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    assert any("parametrizations" in name for name in network.state_dict())


def test_a_head_for_each_sex() -> None:
    network = build_network("elvmass-net", n_covariates=2, sex_head=True).eval()
    assert isinstance(network, ElvmassNet)
    last, straight = network.head[-1], network.straight
    assert isinstance(last, torch.nn.Linear)
    assert straight is not None
    with torch.no_grad():
        last.bias.copy_(torch.tensor([10.0, 20.0]))
        straight.weight.zero_()
        straight.bias.zero_()
    men_then_women = torch.tensor([[1.2, 0.0], [-0.8, 0.0]])
    assert network(torch.zeros(2, 12, 400), men_then_women).tolist() == [20.0, 10.0]
    with pytest.raises(ValueError, match="needs covariates of which the first is sex"):
        build_network("elvmass-net", n_covariates=0, sex_head=True)


@pytest.mark.parametrize("groups", sorted(LEAD_GROUPS))
def test_lead_groups_hold_each_lead_once(groups: str) -> None:
    leads = [lead for group in LEAD_GROUPS[groups] for lead in group]
    assert len(leads) == len(set(leads)) == 12
    network = build_network("elvmass-net", n_covariates=1, lead_groups=groups, channels=4)
    assert network(torch.randn(2, 12, 400), torch.randn(2, 1)).shape == (2,)


@pytest.mark.parametrize("kernel", [4, 5])
def test_time_convolution_equals_conv1d(kernel: int) -> None:
    torch.manual_seed(0)
    ours = TimeConv(3, 2, kernel, dilation=2)
    theirs = torch.nn.Conv1d(3, 2, kernel, dilation=2, padding="same")
    theirs.load_state_dict({"weight": ours.weight.squeeze(2), "bias": ours.bias})
    x = torch.randn(2, 3, 50)
    torch.testing.assert_close(ours(x.unsqueeze(2)).squeeze(2), theirs(x))


@pytest.mark.parametrize("kernel", [14, 15])
def test_gradient_of_a_wide_window_equals_that_of_conv1d(kernel: int) -> None:
    torch.manual_seed(0)
    ours, theirs = TimeConv(20, 12, kernel), torch.nn.Conv1d(20, 12, kernel, padding="same")
    assert ours.wide_window
    theirs.load_state_dict({"weight": ours.weight.squeeze(2), "bias": ours.bias})
    x, weights = torch.randn(5, 20, 90, requires_grad=True), torch.randn(5, 12, 90)
    found = torch.autograd.grad((ours(x.unsqueeze(2)).squeeze(2) * weights).sum(), [x, *ours.parameters()])
    expected = torch.autograd.grad((theirs(x) * weights).sum(), [x, *theirs.parameters()])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.reshape(other.shape), other, rtol=1e-4, atol=1e-4)
