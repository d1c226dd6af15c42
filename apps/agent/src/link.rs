//! The connection to the daemon: calls down, answers and events up.
//!
//! Invariant: one thread reads and forwards into the agent's channel, and only the agent's own thread writes.

use chalktalk_ipc::{Call, Down, FrameBuf, FrameKind, PROTOCOL, Request, codec, socket};
use interprocess::local_socket::Stream;
use std::{
    io::{self, Read, Write},
    path::PathBuf,
    sync::Arc,
    thread,
};

/// Bytes read at a time: control frames are small.
const READ: usize = 16 * 1024;

/// A connection, from the side that calls.
#[derive(Debug)]
pub struct Link {
    /// The socket that answered.
    pub socket: PathBuf,
    stream: Arc<Stream>,
    next_call: u32,
}

/// What the reading thread hears.
#[derive(Debug)]
pub enum Heard {
    /// The daemon said something.
    Down(Box<Down>),
    /// The connection ended; nothing more comes.
    Ended(String),
}

impl Link {
    /// Connects to the first daemon that answers and may be trusted, and says hello; what it says goes to `hear`.
    pub fn connect(hear: impl FnMut(Heard) + Send + 'static) -> io::Result<Self> {
        let (path, stream) = socket::connect()?;
        Self::start(path, stream, hear)
    }

    fn start(socket: PathBuf, stream: Stream, hear: impl FnMut(Heard) + Send + 'static) -> io::Result<Self> {
        let stream = Arc::new(stream);
        let reader = stream.clone();
        thread::Builder::new().name("daemon".into()).spawn(move || listen(&reader, hear))?;
        let mut link = Self { socket, stream, next_call: 1 };
        let client = concat!("chalktalk-agent ", env!("CARGO_PKG_VERSION")).to_owned();
        link.call(Request::Hello { protocol: PROTOCOL, client })?;
        Ok(link)
    }

    /// Sends a call and returns its number.
    pub fn call(&mut self, request: Request) -> io::Result<u32> {
        let id = self.next_call;
        self.next_call = id.checked_add(1).unwrap_or(1);
        let mut frame = Vec::new();
        codec::put_control(&mut frame, &Call { id, request });
        (&*self.stream).write_all(&frame)?;
        Ok(id)
    }
}

fn listen(mut reader: &Stream, mut hear: impl FnMut(Heard)) {
    let mut buf = FrameBuf::default();
    loop {
        loop {
            let down: Result<Down, _> = match buf.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) if frame.kind == FrameKind::Control => frame.control(),
                Ok(Some(_)) => continue,
                Err(e) => Err(e),
            };
            match down {
                Ok(down) => hear(Heard::Down(Box::new(down))),
                Err(e) => return hear(Heard::Ended(format!("the daemon does not speak the protocol: {e}"))),
            }
        }
        match reader.read(buf.spare(READ)) {
            Ok(0) => return hear(Heard::Ended("the daemon closed the connection".into())),
            Ok(n) => buf.filled(n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return hear(Heard::Ended(e.to_string())),
        }
    }
}
