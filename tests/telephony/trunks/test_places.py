"""Where calls of a trunk come from: whether two trunks could have the same caller."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.actions.trunks.hosts import Neighbourhood, Places, ranges_of

NETWORKS = st.lists(
    st.one_of(
        st.builds("10.0.{}.{}/{}".format, st.integers(0, 3), st.integers(0, 255), st.sampled_from((24, 28, 30, 32))),
        st.builds("2001:db8::{:x}/{}".format, st.integers(0, 64), st.sampled_from((120, 126, 128))),
    ),
    max_size=5,
)


@given(NETWORKS, NETWORKS)
def test_places_meet_where_any_two_of_their_networks_overlap(one: list[str], two: list[str]) -> None:
    networks = [[ip_network(each, strict=False) for each in side] for side in (one, two)]
    overlap = any(a.version == b.version and a.overlaps(b) for a in networks[0] for b in networks[1])
    assert Places(ranges=ranges_of(one)).meet(Places(ranges=ranges_of(two))) is overlap


def test_one_name_is_one_place_though_it_leads_nowhere() -> None:
    assert Places(frozenset({"sip.example.com"})).meet(Places(frozenset({"sip.example.com", "other"})))
    assert not Places(frozenset({"sip.example.com"})).meet(Places(frozenset({"other"})))


@given(st.lists(st.tuples(NETWORKS, st.sets(st.sampled_from(("a.example", "b.example")))), max_size=6))
def test_the_neighbours_of_a_trunk_are_those_it_meets(trunks: list[tuple[list[str], set[str]]]) -> None:
    places = {f"trk_{n}": Places(frozenset(names), ranges_of(nets)) for n, (nets, names) in enumerate(trunks)}
    near = Neighbourhood(places)
    for id, own in places.items():
        assert near.of(id) == {id} | {other for other, each in places.items() if each.meet(own)}
    assert near.of("trk_unknown") == {"trk_unknown"}
