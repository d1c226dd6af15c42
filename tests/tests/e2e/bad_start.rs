//! What keeps a daemon from starting: it says what and what to do, ends with the documented status, and destroys nothing.

use chalktalk_tests::{
    lab::{Host, Lab, tool},
    programs::SOON,
    runner::Test,
    tests, wait,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::net::{UnixDatagram, UnixListener},
    path::{Path, PathBuf},
};

pub(crate) const TESTS: &[Test] = tests![
    a_state_directory_that_cannot_be_written,
    a_disk_that_is_full_before_the_first_start,
    a_state_of_a_later_version,
    a_state_that_is_somebody_elses_or_open_to_all,
    a_damaged_key_is_never_replaced,
    something_foreign_where_the_socket_belongs,
    a_configuration_that_cannot_be_read,
];

/// Failed; a new start may help.
const FAILED: i32 = 1;
/// Options or configuration.
const USAGE: i32 = 2;
/// Somebody has to mend something first.
const REFUSED: i32 = 4;

/// Starts the daemon, which ends with this status and says all of this.
fn ends(host: &Host, status: i32, says: &[&str]) {
    let mut process = host.spawn("chalktalkd", host.program("chalktalkd", &[]));
    let ended = process.await_end(SOON);
    let log = process.log();
    assert_eq!(ended.code(), Some(status), "{log}");
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("error: "), "the last line is the reason: {log}");
    for words in says {
        assert!(last.contains(words), "{words:?} is missing: {log}");
    }
}

fn state(host: &Host) -> PathBuf {
    host.dir().join("state/chalktalk")
}

/// A state with a message in it, and its daemon ended.
fn lived_in(host: &Host) {
    let mut daemon = host.daemon();
    host.send("#lobby", "before");
    daemon.stop();
}

/// Every file of a folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), fs::read(path).unwrap())),
        }
    }
    found
}

/// The daemon starts and everything is there.
fn is_whole(host: &Host) {
    let _daemon = host.daemon();
    wait::until(SOON, "the message of before", || host.history("#lobby").contains(&"before".to_owned()));
}

fn a_state_directory_that_cannot_be_written() {
    let lab = Lab::new(1);
    let host = lab.host(1);
    let _disk = host.small_disk(120);
    lived_in(host);
    let (before, folder) = (files(&state(host)), state(host));
    let mount = |how: &str| {
        tool::run("mount", &["-o", how, folder.to_str().unwrap()]);
    };
    mount("remount,ro");
    ends(host, FAILED, &[folder.to_str().unwrap(), "Read-only file system"]);
    assert_eq!(files(&folder), before, "nothing was changed");
    mount("remount,rw");
    is_whole(host);
}

fn a_disk_that_is_full_before_the_first_start() {
    let lab = Lab::new(1);
    let host = lab.host(1);
    let disk = host.small_disk(120);
    disk.leave(0);
    ends(host, FAILED, &[state(host).to_str().unwrap(), "No space left on device"]);
    disk.free();
    let _daemon = host.daemon();
    host.send("#lobby", "there is room");
}

fn a_state_of_a_later_version() {
    let lab = Lab::new(1);
    let host = lab.host(1);
    lived_in(host);
    let version = state(host).join("version");
    let now = fs::read(&version).unwrap();
    fs::write(&version, "99\n").unwrap();
    let before = files(&state(host));
    ends(host, REFUSED, &["version 99", "install the later version again"]);
    let mut after = files(&state(host));
    after.insert(state(host).join("lock"), before[&state(host).join("lock")].clone());
    assert_eq!(after, before, "nothing was changed but who looked at it last");
    fs::write(&version, now).unwrap();
    is_whole(host);
}

fn a_state_that_is_somebody_elses_or_open_to_all() {
    let lab = Lab::new(1);
    let host = lab.host(1);
    lived_in(host);
    let (folder, before) = (state(host), files(&state(host)));
    tool::run("chmod", &["755", folder.to_str().unwrap()]);
    ends(host, REFUSED, &["can be used by others", "run: chmod 700"]);
    tool::run("chmod", &["700", folder.to_str().unwrap()]);
    let key = folder.join("host.key");
    tool::run("chmod", &["644", key.to_str().unwrap()]);
    ends(host, REFUSED, &["can be read by others", "run: chmod 600"]);
    tool::run("chmod", &["600", key.to_str().unwrap()]);
    assert_eq!(files(&folder)[&key], before[&key]);
    is_whole(host);
}

fn a_damaged_key_is_never_replaced() {
    let lab = Lab::new(1);
    let host = lab.host(1);
    lived_in(host);
    let key = state(host).join("host.key");
    let whole = fs::read(&key).unwrap();
    fs::write(&key, &whole[..7]).unwrap();
    ends(host, REFUSED, &["host.key is damaged", "restore it from a backup"]);
    assert_eq!(fs::read(&key).unwrap(), whole[..7]);
    fs::write(&key, whole).unwrap();
    is_whole(host);
}

fn something_foreign_where_the_socket_belongs() {
    let lab = Lab::new(1);
    let host = lab.host(1);
    lived_in(host);
    let socket = host.socket();
    let is_there = || fs::symlink_metadata(&socket).is_ok();

    let stranger = UnixListener::bind(&socket).unwrap();
    ends(host, REFUSED, &["is a socket of another program", "nothing was changed"]);
    assert!(is_there());
    drop(stranger);
    fs::remove_file(&socket).unwrap();

    let datagrams = UnixDatagram::bind(&socket).unwrap();
    ends(host, REFUSED, &["is a socket of another program"]);
    assert!(is_there(), "one of another kind is not taken for one that a dead daemon left");
    drop(datagrams);
    fs::remove_file(&socket).unwrap();

    fs::write(&socket, "notes").unwrap();
    ends(host, REFUSED, &["is no socket: move it away"]);
    assert_eq!(fs::read_to_string(&socket).unwrap(), "notes");
    fs::remove_file(&socket).unwrap();

    let elsewhere = host.dir().join("elsewhere");
    fs::write(&elsewhere, "mine").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &socket).unwrap();
    ends(host, REFUSED, &["is no socket"]);
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "mine", "nor is a link followed");
    fs::remove_file(&socket).unwrap();

    drop(UnixListener::bind(&socket).unwrap());
    is_whole(host);
}

fn a_configuration_that_cannot_be_read() {
    let lab = Lab::new(1);
    let host = lab.host(1);
    let path = host.dir().join("config/chalktalk/config.toml");
    fs::create_dir_all(&path).unwrap();
    ends(host, USAGE, &["cannot read", "config.toml"]);
    fs::remove_dir(&path).unwrap();
    fs::write(&path, [b'n', 0xff, b'=']).unwrap();
    ends(host, USAGE, &["config.toml", "UTF-8"]);
    fs::write(&path, "name = \"a\"\n[quota]\nstored = -1\n").unwrap();
    ends(host, USAGE, &["config.toml:3: "]);
}
