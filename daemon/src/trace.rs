//! The trace: a line for every datagram, for whoever has to find out what two daemons say to each other.
//!
//! Invariant: tracing changes nothing but the time things take.

use anyhow::Context;
use bytes::Bytes;
use chalktalk_protocol::{
    Instant,
    frame::Header,
    net::{Arrival, Route},
};
use std::{
    fmt,
    fs::File,
    io::{LineWriter, Write},
    path::Path,
};

/// Where the lines go.
#[derive(Debug)]
pub struct Trace {
    file: LineWriter<File>,
}

impl Trace {
    /// Begins a new file.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write the trace to {}", path.display()))?;
        Ok(Self { file: LineWriter::new(file) })
    }

    /// A datagram came in.
    pub fn received(&mut self, now: Instant, arrival: Arrival, datagram: &[u8]) {
        let Arrival { link, way, from } = arrival;
        self.line(now, format_args!("< {from} link {} {}", link.0, way.name()), datagram);
    }

    /// Datagrams went out.
    pub fn sent(&mut self, now: Instant, route: &Route, datagrams: &[Bytes]) {
        for datagram in datagrams {
            match route {
                Route::Group(link, way) => {
                    self.line(now, format_args!("> link {} {}", link.0, way.name()), datagram);
                }
                Route::Host(to) => self.line(now, format_args!("> {to}"), datagram),
            }
        }
    }

    fn line(&mut self, now: Instant, what: fmt::Arguments<'_>, datagram: &[u8]) {
        let micros = now.as_nanos() / 1000;
        let size = datagram.len();
        // A trace that cannot be written is no reason to stop talking.
        let _ = match Header::parse(datagram) {
            Ok((header, _)) => {
                writeln!(self.file, "{micros} {what} {:?} {:?} {size} bytes", header.kind, header.session)
            }
            Err(_) => writeln!(self.file, "{micros} {what} malformed {size} bytes"),
        };
    }
}
