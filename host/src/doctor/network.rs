//! The way to a server: local ports, the firewall's table, and which address a name means.

use std::net::{SocketAddr, ToSocketAddrs};

use super::{
    intended_runs::IntendedRuns,
    look::{Group, Look, State},
    system::{number, text},
};

/// How long Linux keeps a port after a connection that this side closed, in seconds (`TCP_TIMEWAIT_LEN` in
/// `include/net/tcp.h`).
const KEPT_S: u64 = 60;

/// Ports that are enough for any run that keeps its connections, and for 160 new ones a second.
const ENOUGH_PORTS: u64 = 10_000;

/// A table of connections is not to be filled further than this share by others, in parts of a hundred.
const MOST_FILLED: u64 = 80;

pub(super) fn looks(wanted: &IntendedRuns) -> Vec<Look> {
    let range = text("/proc/sys/net/ipv4/ip_local_port_range");
    let ports = range.as_deref().and_then(ports_of);
    let reuse = number("/proc/sys/net/ipv4/tcp_tw_reuse");
    let most = number("/proc/sys/net/netfilter/nf_conntrack_max");
    let table = most.zip(number("/proc/sys/net/netfilter/nf_conntrack_count"));
    let is_off = number("/proc/sys/net/ipv6/conf/lo/disable_ipv6").is_none_or(|off| off == 1);
    let addresses: Vec<SocketAddr> =
        ("localhost", 80).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    vec![
        local_ports(ports, wanted.connections),
        new_connections(ports, reuse),
        tracked(most, table, wanted.connections),
        localhost(&addresses, is_off),
    ]
}

/// The first and the last local port, as in `32768 60999`.
fn ports_of(range: &str) -> Option<(u64, u64)> {
    let mut ends = range.split_whitespace().map_while(|end| end.parse().ok());
    let (first, last) = (ends.next()?, ends.next()?);
    (first <= last).then_some((first, last))
}

const WIDEN: &str = "`sudo sysctl net.ipv4.ip_local_port_range='1024 65535'`";

fn local_ports(range: Option<(u64, u64)>, connections: u64) -> Look {
    let what = "local ports";
    let needed = format!("{connections} to one server, and some to spare");
    let Some((first, last)) = range else { return Look::unanswered(Group::Network, what, needed, "") };
    let count = last - first + 1;
    Look::new(Group::Network, what, format!("{count} ({first} to {last})"), needed)
        .unless(count >= connections.saturating_mul(2), State::Warn, WIDEN)
        .unless(count > connections, State::Fail, WIDEN)
}

/// Connections that can be opened to one server for good, where each is closed after its request.
fn new_connections(range: Option<(u64, u64)>, reuse: Option<u64>) -> Look {
    let what = "new connections";
    let needed = "as many as requests, with `--connection-reuse-strategy never`; else few";
    let Some((first, last)) = range else { return Look::unanswered(Group::Network, what, needed, "") };
    let count = last - first + 1;
    let closed = format!("after a connection is closed, its port cannot be used for {KEPT_S} s");
    let kept = match reuse {
        Some(1) => "after a connection is closed, its port can be used again after 1 s (`tcp_tw_reuse` is 1)"
            .to_owned(),
        Some(2) => {
            format!("{closed}, except on the loopback interface (`tcp_tw_reuse` is 2)")
        }
        _ => closed,
    };
    let rate = if reuse == Some(1) { count } else { count / KEPT_S };
    let fix = format!("{WIDEN}, or `sudo sysctl net.ipv4.tcp_tw_reuse=1`");
    Look::new(Group::Network, what, format!("up to {rate} a second to one server: {kept}"), needed).unless(
        reuse == Some(1) || count >= ENOUGH_PORTS,
        State::Warn,
        fix,
    )
}

/// The table in which a firewall keeps connections: beyond its size, packets are dropped.
fn tracked(most: Option<u64>, table: Option<(u64, u64)>, connections: u64) -> Look {
    let what = "tracked connections";
    let needed = format!("room for {connections}, and {MOST_FILLED} % filled at most");
    let Some(most) = most else {
        return Look::new(Group::Network, what, "there is no table of them", needed);
    };
    let Some((most, count)) = table else {
        let found = format!("{most} at most; how many there are is not told");
        return Look::new(Group::Network, what, found, needed).unless(
            most > connections,
            State::Fail,
            "`sudo sysctl net.netfilter.nf_conntrack_max=1000000`",
        );
    };
    let fix =
        "`sudo sysctl net.netfilter.nf_conntrack_max=1000000`: what does not fit is dropped without a word";
    let after = count.saturating_add(connections);
    Look::new(Group::Network, what, format!("{count} of {most} at most"), needed)
        .unless(after.saturating_mul(100) <= most.saturating_mul(MOST_FILLED), State::Warn, fix)
        .unless(after <= most, State::Fail, fix)
}

/// Addresses are tried in their order. One that cannot be reached costs time for each new connection.
fn localhost(addresses: &[SocketAddr], is_ipv6_off: bool) -> Look {
    let what = "`localhost`";
    let needed = "an address that can be reached comes first";
    let Some(first) = addresses.first() else {
        let fix = "add `127.0.0.1 localhost` to /etc/hosts, or write the address in `--url`";
        return Look::new(Group::Network, what, "means no address", needed).with(State::Warn, fix);
    };
    let all: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    let fix = "write `127.0.0.1` in `--url`, or take `::1` out of the line of `localhost` in /etc/hosts";
    Look::new(Group::Network, what, all.join(", then "), needed).unless(
        !(first.is_ipv6() && is_ipv6_off),
        State::Warn,
        fix,
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("32768\t60999", Some((32768, 60999)))]
    #[case("9 8", None)]
    #[case("", None)]
    fn a_range_of_ports_is_read(#[case] text: &str, #[case] expected: Option<(u64, u64)>) {
        assert_eq!(ports_of(text), expected);
    }

    #[rstest]
    #[case(Some((1, 2000)), State::Ok)]
    #[case(Some((1, 1999)), State::Warn)]
    #[case(Some((1, 1000)), State::Fail)]
    #[case(None, State::Note)]
    fn each_connection_needs_a_port(#[case] range: Option<(u64, u64)>, #[case] state: State) {
        assert_eq!(local_ports(range, 1000).state, state);
    }

    #[rstest]
    #[case(28_232, Some(2), State::Ok, "up to 470 a second")]
    #[case(28_232, Some(1), State::Ok, "up to 28232 a second")]
    #[case(600, Some(0), State::Warn, "up to 10 a second")]
    #[case(600, Some(1), State::Ok, "up to 600 a second")]
    fn a_port_that_is_kept_limits_new_connections(
        #[case] ports: u64,
        #[case] reuse: Option<u64>,
        #[case] state: State,
        #[case] found: &str,
    ) {
        let look = new_connections(Some((1, ports)), reuse);
        assert_eq!(look.state, state);
        assert!(look.found.starts_with(found), "{look:?}");
    }

    #[rstest]
    #[case(None, None, State::Ok)]
    #[case(Some(10_000), None, State::Ok)]
    #[case(Some(1000), None, State::Fail)]
    #[case(Some(10_000), Some((10_000, 100)), State::Ok)]
    #[case(Some(10_000), Some((10_000, 7500)), State::Warn)]
    #[case(Some(10_000), Some((10_000, 9500)), State::Fail)]
    fn a_table_that_overflows_is_told(
        #[case] most: Option<u64>,
        #[case] table: Option<(u64, u64)>,
        #[case] state: State,
    ) {
        assert_eq!(tracked(most, table, 1000).state, state);
    }

    #[rstest]
    #[case(&["127.0.0.1:80"], true, State::Ok, "127.0.0.1")]
    #[case(&["[::1]:80", "127.0.0.1:80"], false, State::Ok, "::1, then 127.0.0.1")]
    #[case(&["[::1]:80", "127.0.0.1:80"], true, State::Warn, "::1, then 127.0.0.1")]
    #[case(&[], false, State::Warn, "means no address")]
    fn an_address_that_cannot_be_reached_does_not_come_first(
        #[case] addresses: &[&str],
        #[case] is_ipv6_off: bool,
        #[case] state: State,
        #[case] found: &str,
    ) {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let look = localhost(&addresses, is_ipv6_off);
        assert_eq!((look.state, look.found.as_str()), (state, found));
    }
}
