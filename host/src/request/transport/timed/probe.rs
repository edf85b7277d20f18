//! Whether the system says when bytes arrived: asked by sending something to oneself.

use std::{
    io::{self, IoSliceMut},
    net::UdpSocket,
    os::fd::AsRawFd,
    thread,
    time::Duration,
};

use nix::sys::socket::{MsgFlags, recvmsg};

use super::socket::{stamp, stamp_arrivals};

/// How often it is tried: the system begins to stamp a moment after it was asked to.
const TRIES: u32 = 50;

/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(2);

/// How long a datagram to oneself may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Whether what arrives here has a stamp of the kernel.
///
/// # Errors
/// There is no socket of the loopback interface, or what is sent through it does not arrive.
pub(crate) fn has_kernel_stamps() -> io::Result<bool> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket.connect(socket.local_addr()?)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    if stamp_arrivals(&socket).is_err() {
        return Ok(false);
    }
    let mut control: Vec<u8> = nix::cmsg_space!([nix::sys::time::TimeSpec; 3]);
    for _ in 0..TRIES {
        socket.send(b"?")?;
        let mut byte = [0_u8];
        let mut pieces = [IoSliceMut::new(&mut byte)];
        let message = recvmsg::<()>(socket.as_raw_fd(), &mut pieces, Some(&mut control), MsgFlags::empty())?;
        if stamp(&message).is_some() {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
}
