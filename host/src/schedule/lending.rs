//! Places of a limit that several nodes divide: nodes with free ones lend them to nodes that wait. [`Lending`] decides.
//!
//! A place belongs to one node, or to none while it is on its way. A node says how many it has given up, and only then are they given to
//! another one: all nodes together never have more than the limit. Who has fewer places than its part and waits gets them back before
//! anybody else gets more, also from nodes that wait themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Nodes that are asked at a time for places that they have free: few, so that many nodes do not talk of a single place.
const MOST_ASKED: usize = 2;

/// Which limit of a phase it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Limited {
    /// Requests that are in flight at once, in an open loop.
    InFlight,
    /// Requests that wait for their first token at once.
    Prefill,
}

/// What a node says of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PlacesSaid {
    /// Requests have waited for one for long, or none waits any more.
    Wait(bool),
    /// It has given up so many of those that were free, as it was asked to.
    GaveHalf(u32),
    /// It has given up so many of those that were lent to it.
    GaveBack(u32),
}

/// What becomes of the places of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Change {
    /// Half of those that are free now are to be given up. The node says how many these were, also where there were none.
    GiveHalf,
    /// The node gives up this number of places, as soon as they are free, and says so.
    GiveBack(u32),
    /// There are so many more.
    Add(u32),
}

/// The places of one limit in one phase.
#[derive(Debug)]
pub(crate) struct Lending {
    accounts: Vec<Account>,
    /// Places that were given up and have no node yet.
    free: u32,
    /// The node that is asked next.
    next: usize,
}

/// The places of one node.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// How many it has beyond its part; below zero where others have some of it.
    balance: i64,
    /// Those that it is to give back and has not given back.
    owing: u32,
    /// It is to give up half of its free places, and has not said how many these are.
    is_asked: bool,
    waits: bool,
    is_lost: bool,
}

impl Account {
    /// Places beyond its part that it is not giving back.
    fn excess(&self) -> i64 {
        self.balance - i64::from(self.owing)
    }
}

impl Lending {
    /// Each of so many nodes has its part.
    pub(crate) fn among(nodes: u32) -> Self {
        Self { accounts: (0..nodes).map(|_| Account::default()).collect(), free: 0, next: 0 }
    }

    /// A node is lost, with all places that it has.
    pub(crate) fn lose(&mut self, node: u32) {
        if let Some(account) = self.accounts.get_mut(node as usize) {
            account.is_lost = true;
            // They do not come any more, and nobody is to wait for them.
            account.owing = 0;
        }
    }

    /// A node says something. What becomes of the places of which node.
    pub(crate) fn hear(&mut self, node: u32, said: PlacesSaid) -> Vec<(u32, Change)> {
        let Some(account) = self.accounts.get_mut(node as usize).filter(|account| !account.is_lost) else {
            return Vec::new();
        };
        let given = match said {
            PlacesSaid::Wait(waits) => {
                account.waits = waits;
                0
            }
            PlacesSaid::GaveHalf(count) => {
                account.is_asked = false;
                count
            }
            PlacesSaid::GaveBack(count) => {
                account.owing = account.owing.saturating_sub(count);
                count
            }
        };
        account.balance -= i64::from(given);
        self.free = self.free.saturating_add(given);
        let mut changes = self.hand_out();
        if said == PlacesSaid::Wait(true) {
            changes.extend(self.ask_for(node));
        }
        changes
    }

    /// Gives places that have no node to those that wait, one by one to whom has least. Where nobody waits, those who have lent get theirs.
    fn hand_out(&mut self) -> Vec<(u32, Change)> {
        let mut added = BTreeMap::new();
        while self.free > 0 {
            let there = || (0_u32..).zip(&self.accounts).filter(|(_, account)| !account.is_lost);
            let waiting = there().filter(|(_, account)| account.waits).min_by_key(|it| it.1.balance);
            let lender = there().filter(|(_, account)| account.balance < 0).min_by_key(|it| it.1.balance);
            let Some(to) = waiting.or(lender).map(|(node, _)| node) else { break };
            self.accounts[to as usize].balance += 1;
            self.free -= 1;
            *added.entry(to).or_insert(0) += 1;
        }
        added.into_iter().map(|(node, count)| (node, Change::Add(count))).collect()
    }

    /// Whom to ask for a node that waits.
    fn ask_for(&mut self, node: u32) -> Vec<(u32, Change)> {
        let own = self.ask_back(node);
        if own.is_empty() { self.ask_for_free_ones(node) } else { own }
    }

    /// Its own places, which others have. Those that are on their way back are not asked for again.
    fn ask_back(&mut self, node: u32) -> Vec<(u32, Change)> {
        let on_their_way: i64 = self.accounts.iter().map(|account| i64::from(account.owing)).sum();
        let lent = self.accounts.get(node as usize).map_or(0, |account| -account.balance);
        let mut wanted = lent - on_their_way;
        let mut changes = Vec::new();
        for (other, account) in (0_u32..).zip(&mut self.accounts).filter(|(_, account)| !account.is_lost) {
            let count = u32::try_from(account.excess().min(wanted)).unwrap_or(0);
            if count > 0 {
                account.owing += count;
                wanted -= i64::from(count);
                changes.push((other, Change::GiveBack(count)));
            }
        }
        changes
    }

    /// Places that are free where nobody waits. Nodes are asked in turn.
    fn ask_for_free_ones(&mut self, node: u32) -> Vec<(u32, Change)> {
        let nodes = self.accounts.len();
        let order: Vec<usize> = (0..nodes).map(|step| (self.next + step) % nodes).collect();
        let mut changes = Vec::new();
        for at in order {
            let account = &mut self.accounts[at];
            let other = u32::try_from(at).unwrap_or(u32::MAX);
            let is_asked = account.is_asked || account.waits || account.is_lost || other == node;
            if is_asked || changes.len() == MOST_ASKED {
                continue;
            }
            account.is_asked = true;
            self.next = (at + 1) % nodes;
            changes.push((other, Change::GiveHalf));
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_waits_gets_what_another_one_has_free() {
        let mut lending = Lending::among(3);
        assert_eq!(lending.hear(0, PlacesSaid::Wait(true)), [(1, Change::GiveHalf), (2, Change::GiveHalf)]);
        assert_eq!(lending.hear(1, PlacesSaid::GaveHalf(2)), [(0, Change::Add(2))]);
        assert!(lending.hear(2, PlacesSaid::GaveHalf(0)).is_empty());
        // One that has not answered is not asked again, and neither is one that waits.
        lending.hear(2, PlacesSaid::Wait(true));
        assert!(lending.hear(0, PlacesSaid::Wait(true)).is_empty());
    }

    #[test]
    fn who_has_lent_gets_its_own_back_also_from_one_that_waits() {
        let mut lending = Lending::among(2);
        lending.hear(0, PlacesSaid::Wait(true));
        lending.hear(1, PlacesSaid::GaveHalf(3));
        assert_eq!(lending.hear(1, PlacesSaid::Wait(true)), [(0, Change::GiveBack(3))]);
        assert!(lending.hear(1, PlacesSaid::Wait(true)).is_empty(), "they are on their way");
        assert_eq!(lending.hear(0, PlacesSaid::GaveBack(1)), [(1, Change::Add(1))]);
        assert_eq!(lending.hear(0, PlacesSaid::GaveBack(2)), [(1, Change::Add(2))]);
    }

    #[test]
    fn places_that_nobody_waits_for_any_more_go_back() {
        let mut lending = Lending::among(2);
        lending.hear(0, PlacesSaid::Wait(true));
        lending.hear(0, PlacesSaid::Wait(false));
        assert_eq!(lending.hear(1, PlacesSaid::GaveHalf(2)), [(1, Change::Add(2))]);
    }

    #[test]
    fn who_is_lost_is_neither_asked_nor_given_anything() {
        let mut lending = Lending::among(3);
        lending.hear(2, PlacesSaid::Wait(true));
        lending.lose(2);
        assert!(lending.hear(0, PlacesSaid::Wait(true)).is_empty());
        assert!(lending.hear(2, PlacesSaid::GaveHalf(1)).is_empty());
        assert_eq!(lending.hear(1, PlacesSaid::GaveHalf(1)), [(0, Change::Add(1))]);
    }

    #[test]
    fn what_one_that_is_lost_owes_keeps_nobody_from_getting_its_own_back() {
        let mut lending = Lending::among(4);
        lending.hear(0, PlacesSaid::Wait(true));
        lending.hear(1, PlacesSaid::GaveHalf(2));
        lending.hear(2, PlacesSaid::GaveHalf(0));
        assert_eq!(lending.hear(1, PlacesSaid::Wait(true)), [(0, Change::GiveBack(2))]);
        lending.hear(1, PlacesSaid::Wait(false));
        lending.lose(0);
        lending.hear(3, PlacesSaid::Wait(true));
        assert_eq!(lending.hear(2, PlacesSaid::GaveHalf(1)), [(3, Change::Add(1))]);
        assert_eq!(lending.hear(2, PlacesSaid::Wait(true)), [(3, Change::GiveBack(1))]);
    }

    /// A node that does what it is told.
    #[derive(Debug, Default)]
    struct Node {
        places: u32,
        used: u32,
        to_give_back: u32,
        down: VecDeque<Change>,
        up: VecDeque<PlacesSaid>,
    }

    impl Node {
        fn obey(&mut self) {
            match self.down.pop_front() {
                Some(Change::Add(count)) => self.places += count,
                Some(Change::GiveBack(count)) => self.to_give_back += count,
                Some(Change::GiveHalf) => {
                    let free = self.places.saturating_sub(self.used).saturating_sub(self.to_give_back);
                    let given = free.div_ceil(2).min(self.places.saturating_sub(1));
                    self.places -= given;
                    self.up.push_back(PlacesSaid::GaveHalf(given));
                }
                None => {}
            }
            let given = self.to_give_back.min(self.places.saturating_sub(self.used));
            if given > 0 {
                self.places -= given;
                self.to_give_back -= given;
                self.up.push_back(PlacesSaid::GaveBack(given));
            }
        }
    }

    proptest! {
        /// Whatever is said and however late it is heard, all nodes together never have more places than there are, also when one is
        /// lost; and when all is said, none is missing unless one was lost.
        #[test]
        fn the_limit_holds_at_any_instant(
            steps in prop::collection::vec((0_usize..3, 0_u8..6), 0..200),
            loss in prop::option::of((0_u32..3, 0_usize..200)),
        ) {
            let loss = loss.filter(|(_, when)| *when < steps.len());
            let mut lending = Lending::among(3);
            let mut nodes = [4, 3, 3].map(|places| Node { places, ..Node::default() });
            let hear = |lending: &mut Lending, nodes: &mut [Node; 3], at: usize| {
                let Some(said) = nodes[at].up.pop_front() else { return };
                for (to, change) in lending.hear(u32::try_from(at).unwrap(), said) {
                    nodes[to as usize].down.push_back(change);
                }
            };
            for (number, (at, step)) in steps.into_iter().enumerate() {
                if let Some((lost, _)) = loss.filter(|(_, when)| *when == number) {
                    lending.lose(lost);
                }
                match step {
                    0 => nodes[at].used = (nodes[at].used + 1).min(nodes[at].places),
                    1 => nodes[at].used = nodes[at].used.saturating_sub(1),
                    2 => nodes[at].obey(),
                    3 => hear(&mut lending, &mut nodes, at),
                    waits => nodes[at].up.push_back(PlacesSaid::Wait(waits == 4)),
                }
                let all: u32 = nodes.iter().map(|node| node.places).sum();
                prop_assert!(all <= 10, "{:?}", nodes);
                prop_assert!(nodes.iter().all(|node| node.used <= node.places), "{:?}", nodes);
            }
            for node in &mut nodes {
                node.used = 0;
                node.up.push_back(PlacesSaid::Wait(false));
            }
            for _ in 0..1000 {
                for at in 0..3 {
                    nodes[at].obey();
                    hear(&mut lending, &mut nodes, at);
                }
            }
            let all = nodes.iter().map(|node| node.places).sum::<u32>();
            prop_assert!(if loss.is_some() { all <= 10 } else { all == 10 }, "{:?}", nodes);
        }
    }
}
