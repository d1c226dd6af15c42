//! Tries what the service must not and what it must be able to do, and says for each what came of it. Built and run by the
//! test in `confinement.rs`.

use std::{
    fs, io,
    net::{Ipv4Addr, UdpSocket},
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    process::Command,
};

const STATE: &str = "/var/lib/probe";

fn main() {
    if std::env::args().count() > 1 {
        return; // it could be run from where it was copied to
    }
    let copy = format!("{STATE}/copy");
    let loaders = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];
    let loader = loaders.into_iter().find(|path| fs::metadata(path).is_ok()).unwrap_or(loaders[0]);
    tell("write its state", fs::read("/usr/bin/probe").and_then(|bytes| fs::write(&copy, bytes)));
    tell("make it a program", fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)));
    for folder in [STATE, "/run/probe", "/tmp", "/var/tmp", "/dev/shm"] {
        tell(&format!("run what it has put into {folder}"), run_a_copy(folder));
    }
    tell("run /bin/true", Command::new("/bin/true").status());
    tell("run the command line", Command::new("/usr/bin/chalktalk").status());
    tell("run a library's loader", Command::new(loader).arg("/bin/true").status());
    tell("write /etc", fs::write("/etc/probe", "x"));
    tell("look into /home", fs::read_dir("/home").map(drop));
    tell("make a set-uid file", fs::set_permissions(&copy, fs::Permissions::from_mode(0o4755)));
    tell("see process 1", fs::read("/proc/1/cmdline").map(drop));
    tell("read /etc/passwd", fs::read("/etc/passwd").map(drop));
    tell("local sockets", UnixDatagram::unbound().map(drop));
    tell("multicast", multicast());
    tell("speak to the internet", send(Ipv4Addr::new(198, 51, 100, 1)));
    tell("speak to the network", send(Ipv4Addr::new(10, 77, 0, 200)));
}

fn run_a_copy(folder: &str) -> io::Result<()> {
    let copy = format!("{folder}/program");
    fs::write(&copy, fs::read("/usr/bin/probe")?)?;
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
    Command::new(&copy).arg("again").status().map(drop)
}

fn multicast() -> io::Result<()> {
    // Not the port: the daemon has that.
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.join_multicast_v4(&Ipv4Addr::new(239, 255, 47, 74), &Ipv4Addr::new(10, 77, 0, 1))?;
    send(Ipv4Addr::new(239, 255, 47, 74))
}

fn send(to: Ipv4Addr) -> io::Result<()> {
    UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", (to, 47474)).map(drop)
}

fn tell<T>(what: &str, came: io::Result<T>) {
    match came {
        Ok(_) => println!("{what}: done"),
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            println!("{what}: refused");
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => println!("{what}: hidden"),
        Err(e) => println!("{what}: {e}"),
    }
}
