#!/usr/bin/env python3
"""IPv6 in policy, the way that people write it: through the agent's REST API to HTTP over real ports."""

import json

from agent import SLICES, AgentBed, backend, endpoint_slice, gateway, route
from harness import demo_layout, main, wait_until
from ipv6 import BACKEND, BACKEND_GATEWAY, CLIENT, Ipv6Bed

# In the network of the client's port, and as nobody should write it.
VIRTUAL, VIRTUAL_AS_WRITTEN = "fd00:80::8:0:0:53", "FD00:0080:0:0:0008:0:0:0053"
# In no port's network.
AFAR = "fd00:99::1"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/demo"


class PolicyBed(AgentBed, Ipv6Bed):
    """An agent beside the data plane of ipv6.py."""


def gateway_on(*addresses):
    """The demo's class and Gateway, on these addresses."""
    documents = gateway()
    documents[1]["spec"]["addresses"] = [{"type": "IPAddress", "value": address} for address in addresses]
    return documents


def ipv6_slice(service, *addresses):
    return endpoint_slice(service, *addresses, name=f"{service}-six") | {"addressType": "IPv6"}


def test_a_gateway_on_an_ipv6_address_serves_ipv6_endpoints(bed):
    bed.apply(*gateway_on(VIRTUAL_AS_WRITTEN), *backend("web"), ipv6_slice("web", BACKEND), route("web", "web"))
    url = f"http://[{VIRTUAL}]/"
    wait_until(lambda: bed.curl(url, "--fail").returncode == 0, "the address is used")
    assert bed.curl(url).stdout == f"{BACKEND_GATEWAY} for {CLIENT}\n"
    status, document = bed.api("GET", GATEWAYS)
    assert status == 200 and document["status"]["addresses"] == [{"type": "IPAddress", "value": VIRTUAL}], document
    metrics = bed.api("GET", "/metrics")[1]
    assert f'endpoint="[{BACKEND}]:{demo_layout.BACKEND_PORT}"' in metrics


def test_endpoints_of_both_versions_share_the_load(bed):
    bed.apply(endpoint_slice("web", "v2"))
    answers = {bed.curl(f"http://[{VIRTUAL}]/").stdout.split()[0] for _ in range(20)}
    assert answers == {BACKEND_GATEWAY, demo_layout.BACKEND_GATEWAYS["v2"]}, answers


def test_an_address_in_no_port_s_network_is_named_in_the_status(bed):
    status, answer = bed.api("POST", "/byway/v1/apply?wait=applied&timeout=15s", "\n".join(map(json.dumps, gateway_on(AFAR))))
    assert status == 200, answer
    conditions = bed.api("GET", GATEWAYS)[1]["status"]["conditions"]
    programmed = next(condition for condition in conditions if condition["type"] == "Programmed")
    assert programmed["reason"] == "AddressNotUsable" and AFAR in programmed["message"], programmed


def test_endpoints_that_cannot_be_are_refused(bed):
    for address in ("fe80::1", "::1", "10.80.2.2", "::ffff:10.80.2.2"):
        status, answer = bed.api("POST", SLICES, ipv6_slice("other", address))
        assert status == 422 and address in answer["message"], f"{address}: {status} {answer}"


main(globals(), make_bed=PolicyBed)
