//! A network between a program and a server, whose faults a test decides.
#![expect(clippy::disallowed_methods, reason = "when bytes are due on a network of a test, not measurements")]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc::channel},
    thread,
    time::{Duration, Instant},
};

/// Passes bytes on between whoever connects and one server. It can be slow, stop passing anything, and change what passes.
#[derive(Debug)]
pub struct Relay {
    address: String,
    network: Arc<Network>,
}

#[derive(Debug)]
struct Network {
    faults: Faults,
    is_away: Mutex<bool>,
    changed: Condvar,
}

/// What a network does to everything that passes.
#[derive(Debug, Default)]
struct Faults {
    /// How long bytes are on their way to the server.
    there: Duration,
    /// And from it.
    back: Duration,
    /// A text, and what comes in its place.
    instead: Option<(String, String)>,
}

impl Relay {
    /// Starts one in front of a `nats://` server. Nothing is wrong with it until [`Relay::stop`].
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn before(url: &str) -> Self {
        Self::with(url, Faults::default())
    }

    /// Starts one on which bytes take this long to the server and back from it.
    ///
    /// # Panics
    /// When it cannot listen.
    pub fn slow(url: &str, there: Duration, back: Duration) -> Self {
        Self::with(url, Faults { there, back, ..Faults::default() })
    }

    /// Starts one that passes on another text of the same length in place of the first one.
    ///
    /// # Panics
    /// When it cannot listen, or the lengths differ.
    pub fn changing(url: &str, text: &str, instead: &str) -> Self {
        assert_eq!(text.len(), instead.len(), "messages of NATS begin with their lengths");
        let instead = Some((text.to_owned(), instead.to_owned()));
        Self::with(url, Faults { instead, ..Faults::default() })
    }

    fn with(url: &str, faults: Faults) -> Self {
        let target = url.strip_prefix("nats://").expect("a URL of NATS").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("it has a port").to_string();
        let network = Arc::new(Network { faults, is_away: Mutex::new(false), changed: Condvar::new() });
        let of_all = Arc::clone(&network);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                // A server that is gone is what some tests are about.
                let Ok(server) = TcpStream::connect(&target) else { continue };
                connect(client, server, &of_all);
            }
        });
        Self { address, network }
    }

    /// Its URL, as that of the server.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Nothing passes any more. No connection ends: that is how a network goes away.
    pub fn stop(&self) {
        self.network.set_away(true);
    }

    /// What waits passes, and everything behind it.
    pub fn resume(&self) {
        self.network.set_away(false);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Nobody may wait for bytes for ever.
        self.resume();
    }
}

impl Network {
    fn set_away(&self, is_away: bool) {
        *self.is_away.lock().unwrap_or_else(PoisonError::into_inner) = is_away;
        self.changed.notify_all();
    }

    /// Waits until bytes pass.
    fn wait(&self) {
        let is_away = self.is_away.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(is_away, |is_away| *is_away));
    }

    /// The bytes that come in place of these.
    fn passed(&self, bytes: &[u8]) -> Vec<u8> {
        let mut passed = bytes.to_vec();
        let Some((text, instead)) = &self.faults.instead else { return passed };
        let text = text.as_bytes();
        let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(text)).collect();
        for at in places {
            passed[at..at + text.len()].copy_from_slice(instead.as_bytes());
        }
        passed
    }
}

fn connect(client: TcpStream, server: TcpStream, network: &Arc<Network>) {
    for side in [&client, &server] {
        side.set_nodelay(true).expect("an open connection");
    }
    let twin = |side: &TcpStream| side.try_clone().expect("a handle");
    one_way(twin(&client), twin(&server), network.faults.there, Arc::clone(network));
    one_way(server, client, network.faults.back, Arc::clone(network));
}

/// Passes bytes on in one direction, on threads of its own: one reads, so that nobody waits for the network to be quick, and one waits.
fn one_way(mut from: TcpStream, mut to: TcpStream, delay: Duration, network: Arc<Network>) {
    let (sent, on_the_way) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if sent.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in on_the_way {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            network.wait();
            // Whoever is gone reads nothing.
            if to.write_all(&network.passed(&bytes)).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection through a relay, and the server's side of it.
    fn through(relay: &Relay, server: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(&relay.address).unwrap();
        (client, server.accept().unwrap().0)
    }

    fn server() -> (TcpListener, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    #[test]
    fn nothing_passes_while_it_is_away_and_nothing_is_lost() {
        let (listener, url) = server();
        let relay = Relay::before(&url);
        let (mut client, mut seen) = through(&relay, &listener);
        let mut four = [0; 4];
        client.write_all(b"here").unwrap();
        seen.read_exact(&mut four).unwrap();
        relay.stop();
        client.write_all(b"away").unwrap();
        seen.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(seen.read_exact(&mut four).is_err());
        relay.resume();
        seen.set_read_timeout(None).unwrap();
        seen.read_exact(&mut four).unwrap();
        assert_eq!(&four, b"away");
    }

    #[test]
    fn a_text_is_changed_on_its_way() {
        let (listener, url) = server();
        let relay = Relay::changing(&url, "1.2", "9.9");
        let (mut client, mut seen) = through(&relay, &listener);
        client.write_all(b"version 1.2, 1.2").unwrap();
        let mut all = [0; 16];
        seen.read_exact(&mut all).unwrap();
        assert_eq!(&all, b"version 9.9, 9.9");
    }
}
