//! Datagrams between daemons, and records of the store: whatever the bytes are, they parse or they do not.
#![no_main]

use chalktalk_protocol::{
    control::{self, Failure, HostFrame, Nack, Report, UnverifiedHost, Vector, Volatile},
    entry::Entry,
    frame::{Header, Kind},
    nway::notice::Notice,
    records,
    stream::StreamReader,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    bare(data);
    if let Some((first, body)) = data.split_first() {
        // Bodies get a header that is right, so that what is behind it is looked at too.
        let kinds =
            [Kind::Entry, Kind::Volatile, Kind::Nack, Kind::Report, Kind::Vector, Kind::Failure, Kind::Host];
        let mut header = Header::new(kinds[usize::from(first % 7)], chalktalk_ipc::SessionId([1; 16]));
        header.flags = first / 7;
        bare(&header.datagram(&body[..body.len().min(1_400)]));
        let (key, value) = body.split_at(body.len().min(usize::from(*first)));
        let _unknown = records::read(key, value);
    }
});

fn bare(datagram: &[u8]) {
    let Ok((header, body)) = Header::parse(datagram) else { return };
    if let Ok(entry) = Entry::parse(&header, datagram, body) {
        for mut reader in [StreamReader::at_start(), StreamReader::in_middle()] {
            let mut bytes = 0;
            let _broken = reader.read(&entry, |message| bytes += message.payload.len());
            assert!(bytes <= datagram.len());
        }
    }
    if let Ok(host) = UnverifiedHost::parse(body) {
        let _forged = host.verify();
    }
    if let Some(notice) = Notice::from_body(body) {
        // What was read can be said again, and means the same.
        assert_eq!(Notice::from_body(&notice.to_body()), Some(notice));
    }
    let _undecodable = (
        control::read::<Nack>(body),
        control::read::<Report>(body),
        control::read::<Vector>(body),
        control::read::<Failure>(body),
        control::read::<Volatile>(body),
        control::read::<HostFrame>(body),
    );
}
