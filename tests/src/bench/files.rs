//! A large file that one host offers and all the others fetch at once.

use super::report::{Bound, Row};
use crate::{lab::Lab, wait};
use chalktalk_client::{Client, Events};
use chalktalk_ipc::{AppId, SessionId, request::SessionKind};
use std::{
    io::{self, Write},
    net::{TcpListener, TcpStream},
    ops::ControlFlow,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Size of the file: a short film.
const SIZE: usize = 256 << 20;

/// Every link carries so many Mbit/s.
const RATE: u32 = 1_000;

/// How long to wait for the members to see each other.
const SOON: Duration = Duration::from_secs(10);

/// Measures taking the file in, fetching it on every other host at once, and what the first host sent of it.
pub(super) fn files(hosts: usize, disk: &Path, each: &mut impl FnMut(Row)) {
    let lab = Lab::on_disk(hosts, disk.join("files"));
    let _daemons = lab.start_daemons();
    lab.rate(RATE);
    let apps: Vec<(Client, Events, SessionId)> =
        lab.hosts().iter().map(|host| enter(&host.socket())).collect();
    let (giver, _, session) = &apps[0];
    wait::until(SOON, "everybody to be in", || {
        let sessions = giver.sessions().unwrap_or_default();
        sessions.iter().any(|s| s.session == *session && s.members.len() == hosts)
    });
    let bytes: Vec<u8> = (0..SIZE).map(|at| (at.wrapping_mul(2_654_435_761) >> 15) as u8).collect();
    let began = Instant::now();
    let blob = giver.put_bytes(*session, &bytes).expect("there is room for it");
    each(Row::new("256 MiB file: taken in", began.elapsed().as_secs_f64(), "s"));
    let (before, began) = (lab.host(1).sent(), Instant::now());
    thread::scope(|scope| {
        for (client, _, session) in &apps[1..] {
            scope.spawn(move || {
                let go_on = |_| ControlFlow::Continue(());
                client.fetch_blob(*session, blob, None, go_on).expect("the file comes")
            });
        }
    });
    let took = began.elapsed().as_secs_f64();
    let sent = (lab.host(1).sent() - before).bytes as f64 / SIZE as f64;
    let row = Row::new("256 MiB file: to three hosts at 1 Gbit/s", took, "s");
    each(row.beside("raw TCP to one", raw(&lab, &bytes)).goal(Bound::AtMost(4.0)));
    each(Row::new("256 MiB file: sent by the first host", sent, "B/B"));
}

/// What the machine needs to bring the same bytes to one host over one connection, kept nowhere.
fn raw(lab: &Lab, bytes: &[u8]) -> f64 {
    let (one, two) = (lab.host(1), lab.host(2));
    let listener = two.inside(|| TcpListener::bind((two.address(), 0))).expect("the host has an address");
    let address = listener.local_addr().expect("it is bound");
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody connects");
            io::copy(&mut stream, &mut io::sink()).expect("it is read")
        });
        let mut stream = one.inside(|| TcpStream::connect(address)).expect("the other host answers");
        stream.write_all(bytes).expect("it is written");
    });
    began.elapsed().as_secs_f64()
}

fn enter(socket: &Path) -> (Client, Events, SessionId) {
    let app: AppId = "org.example.bench".parse().expect("a valid app id");
    let builder = Client::builder(app.clone()).name("bench").socket(socket);
    let (client, events) = builder.connect().expect("the daemon answers");
    let session = client.join("#files", &app, SessionKind::Kept, true).expect("rooms are open").session;
    (client, events, session)
}
