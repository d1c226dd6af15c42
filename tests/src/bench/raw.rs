//! The floor *raw*: one datagram and one system call for each message, and nothing repaired.

use super::{
    job::{Job, ready, ready_to_go, stopped},
    meter::{Got, Meter, Pace, Sent, last, now, stamp},
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::Duration,
};

/// Where the floors' messages go.
pub const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(239, 255, 47, 75), 47_400);

/// The largest datagram that is one frame on Ethernet.
pub const DATAGRAM: usize = 1_472;

/// Times that the last message is repeated, since nobody acknowledges it.
const REPEATS: usize = 5;

/// A socket that hears the group on the host's interface, or one of its own port that can send to it.
pub fn socket(address: Ipv4Addr, port: u16, hear: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    // As much as the machine allows: a floor should not lose for want of room.
    socket.set_recv_buffer_size(4 << 20)?;
    socket.set_send_buffer_size(4 << 20)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port).into())?;
    socket.set_multicast_if_v4(&address)?;
    socket.set_multicast_loop_v4(false)?;
    if hear {
        socket.join_multicast_v4(GROUP.ip(), &address)?;
    }
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket.into())
}

/// Sends for as long as the job says.
pub fn send(job: &Job) -> Sent {
    let socket = socket(job.address, 0, false).expect("a host of the lab has sockets");
    let mut message = vec![0; job.size];
    ready_to_go();
    let sent = send_with(job, |number, time| {
        stamp(&mut message, number, time);
        for piece in message.chunks(DATAGRAM) {
            let _full_queue = socket.send_to(piece, GROUP);
        }
    });
    for _ in 0..REPEATS {
        std::thread::sleep(Duration::from_millis(20));
        let end = last(job.size, sent.messages);
        let _full_queue = socket.send_to(&end[..end.len().min(DATAGRAM)], GROUP);
    }
    sent
}

/// Receives until the last message has come.
pub fn receive(job: &Job) -> Got {
    let socket = socket(job.address, GROUP.port(), true).expect("a host of the lab has sockets");
    let mut meter = Meter::new(job.rate.is_some());
    let mut buffer = [0; 2048];
    ready();
    while !stopped() {
        if let Ok(length) = socket.recv(&mut buffer)
            && !meter.take(&buffer[..length], now())
        {
            break;
        }
    }
    meter.result()
}

/// Calls `send` for each message: evenly if the job has a rate, else without pause.
pub fn send_with(job: &Job, mut send: impl FnMut(u64, u64)) -> Sent {
    let first = now();
    let end = first + (job.seconds * 1e9) as u64;
    let pace = job.rate.map(Pace::new);
    let mut number = 0;
    loop {
        let time = pace.as_ref().map_or_else(now, |pace| pace.wait(number));
        if time >= end {
            return Sent { messages: number, first };
        }
        send(number, time);
        number += 1;
    }
}
