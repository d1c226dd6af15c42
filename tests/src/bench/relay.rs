//! The floor *raw-daemon*: app, local socket, copying daemon, UDP, copying daemon, local socket, app.
//!
//! The shape of Chalktalk with no protocol work at all. Messages of one size travel on the local sockets one after
//! another, without frames.

use super::{
    job::{Job, ready, ready_to_go, stopped},
    meter::{Got, Meter, Sent, last, now, stamp},
    raw::{self, GROUP},
};
use rustix::event::{PollFd, PollFlags, poll};
use std::{
    io::{self, ErrorKind, Read, Write},
    net::UdpSocket,
    os::unix::net::{UnixListener, UnixStream},
};

/// The copying daemon: serves one app at a time, until it is stopped.
pub fn copy(job: &Job) {
    let _was_there = std::fs::remove_file(&job.socket);
    let listener = UnixListener::bind(&job.socket).expect("the host's folder can be written");
    let network = raw::socket(job.address, GROUP.port(), true).expect("a host of the lab has sockets");
    network.set_nonblocking(true).expect("our own socket");
    ready();
    while let Ok((app, _)) = listener.accept() {
        // The app's end ends its service; the next one may come.
        let _app_gone = serve(&app, &network, job.size);
    }
}

fn serve(mut app: &UnixStream, network: &UdpSocket, size: usize) -> io::Result<()> {
    let mut from_app = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let mut ready = [PollFd::new(app, PollFlags::IN), PollFd::new(network, PollFlags::IN)];
        poll(&mut ready, None)?;
        let [app_ready, network_ready] = ready.map(|fd| !fd.revents().is_empty());
        if app_ready {
            let read = app.read(&mut from_app[filled..])?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
            let whole = filled - filled % size;
            for message in from_app[..whole].chunks(size) {
                let _full_queue = network.send_to(message, GROUP);
            }
            from_app.copy_within(whole..filled, 0);
            filled -= whole;
        }
        if network_ready {
            copy_waiting(network, app)?;
        }
    }
}

/// Every datagram that waits goes to the app.
fn copy_waiting(network: &UdpSocket, mut app: &UnixStream) -> io::Result<()> {
    let mut datagram = [0; 2048];
    loop {
        match network.recv(&mut datagram) {
            Ok(length) => app.write_all(&datagram[..length])?,
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) => return Err(e),
        }
    }
}

/// The app that sends.
pub fn send(job: &Job) -> Sent {
    let mut daemon = UnixStream::connect(&job.socket).expect("the copying daemon listens");
    let mut message = vec![0; job.size];
    ready_to_go();
    let sent = raw::send_with(job, |number, time| {
        stamp(&mut message, number, time);
        daemon.write_all(&message).expect("the copying daemon reads");
    });
    daemon.write_all(&last(job.size, sent.messages)).expect("the copying daemon reads");
    sent
}

/// The app that receives.
pub fn receive(job: &Job) -> Got {
    let mut daemon = UnixStream::connect(&job.socket).expect("the copying daemon listens");
    let mut meter = Meter::new(job.rate.is_some());
    let mut message = vec![0; job.size];
    ready();
    while !stopped() && daemon.read_exact(&mut message).is_ok() && meter.take(&message, now()) {}
    meter.result()
}
