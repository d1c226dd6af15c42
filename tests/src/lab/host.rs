//! One host of a lab: a network namespace, folders of its own, and what can go wrong with its link.

use super::{Traffic, process::Process, skip, tool};
use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// A machine of the lab.
#[derive(Clone, Debug)]
pub struct Host {
    /// Of its network namespace.
    name: String,
    index: usize,
    bridge: String,
    dir: PathBuf,
}

impl Host {
    pub(super) fn create(lab: u32, index: usize, bridge: &str, dir: PathBuf) -> Self {
        let host = Self { name: format!("lab{lab}h{index}"), index, bridge: bridge.to_owned(), dir };
        tool::run("ip", &["netns", "add", &host.name]);
        for folder in ["run", "tmp"] {
            let path = host.dir.join(folder);
            fs::create_dir_all(&path).expect("the lab's folder can be written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("our own folder");
        }
        host.inside(|| {
            // Duplicate address detection would hold link-local addresses back for a second.
            for scope in ["all", "default"] {
                fs::write(format!("/proc/sys/net/ipv6/conf/{scope}/accept_dad"), "0").ok();
            }
        });
        tool::run("ip", &["-n", &host.name, "link", "set", "lo", "up"]);
        host.add_interface();
        host
    }

    /// Short name for logs and people: `h1`, `h2`, …
    pub fn label(&self) -> String {
        format!("h{}", self.index)
    }

    /// Number of the host, from 1.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its IPv4 address.
    pub fn address(&self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, 77, 0, self.index as u8))
    }

    /// The folder that holds everything of this host.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes what its daemon reads when it starts, or is told to read again.
    pub fn configure(&self, text: &str) {
        let folder = self.dir.join("config/chalktalk");
        std::fs::create_dir_all(&folder).expect("a folder for the configuration");
        std::fs::write(folder.join("config.toml"), text).expect("a configuration");
    }

    /// Runs a closure on a thread that is inside this host's network: sockets made there belong to it.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        enter_network(&self.name, work)
    }

    /// A command that will run as if this were the machine: own home and folders, no display. Start it with
    /// [`Host::spawn`].
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().current_dir(&self.dir);
        let keep = ["RUST_BACKTRACE", "RUST_LOG", "PATH"];
        command.envs(keep.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value))));
        // Tests read what programs say in English.
        command.env("LANG", "C.UTF-8");
        command.env("HOME", &self.dir).env("TMPDIR", self.dir.join("tmp"));
        command.env("XDG_RUNTIME_DIR", self.dir.join("run")).env("XDG_STATE_HOME", self.dir.join("state"));
        command.env("XDG_CONFIG_HOME", self.dir.join("config")).env("XDG_DATA_HOME", self.dir.join("data"));
        command
    }

    /// Starts a command on this host. `name` is for logs.
    pub fn spawn(&self, name: &str, command: Command) -> Process {
        let name = format!("{} {name}", self.label());
        self.inside(move || Process::start(name, command))
    }

    /// Has the interface take packets of at most so many bytes.
    pub fn set_mtu(&self, mtu: u32) {
        tool::run("ip", &["-n", &self.name, "link", "set", "eth0", "mtu", &mtu.to_string()]);
    }

    /// Takes the link down, as a pulled cable does.
    pub fn link_down(&self) {
        tool::run("ip", &["-n", &self.name, "link", "set", "eth0", "down"]);
    }

    /// Brings the link up again.
    pub fn link_up(&self) {
        tool::run("ip", &["-n", &self.name, "link", "set", "eth0", "up"]);
    }

    /// Takes the interface away altogether, as a pulled adapter does.
    pub fn remove_interface(&self) {
        tool::run("ip", &["-n", &self.name, "link", "del", "eth0"]);
    }

    /// Makes the interface, new, with the same address. [`Host::plug_in`] connects it.
    pub fn add_interface(&self) {
        let port = self.port();
        let pair = ["link", "add", "eth0", "netns", &self.name, "type", "veth", "peer", "name", &port];
        tool::run("ip", &[&pair[..], &["netns", &self.bridge]].concat());
        let address = format!("{}/24", self.address());
        tool::run("ip", &["-n", &self.name, "addr", "add", &address, "brd", "+", "dev", "eth0"]);
        self.inside(|| fs::write("/proc/sys/net/ipv6/conf/eth0/accept_dad", "0").ok());
        // One frame on the wire is one datagram: drops and counters then mean what they say.
        if tool::has("ethtool") {
            let off = ["tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off"];
            let enter = |namespace: &str, device: &str| {
                let command = ["netns", "exec", namespace, "ethtool", "-K", device];
                tool::try_run("ip", &[&command[..], &off[..]].concat());
            };
            enter(&self.name, "eth0");
            enter(&self.bridge, &port);
        }
        self.link_up();
        tool::run("ip", &["-n", &self.bridge, "link", "set", &port, "up"]);
    }

    /// Makes the kernel write checksums into frames, instead of promising them to hardware that is not there: a
    /// switch in user space would forward the promise.
    pub(super) fn compute_checksums(&self) {
        if !tool::has("ethtool") {
            skip("ethtool is missing (package ethtool)");
        }
        tool::run("ip", &["netns", "exec", &self.name, "ethtool", "-K", "eth0", "tx", "off"]);
    }

    /// Connects the interface to the bridge.
    pub fn plug_in(&self) {
        tool::run("ip", &["-n", &self.bridge, "link", "set", &self.port(), "master", "br0"]);
    }

    /// Drops this share of the frames that reach the host; 0 ends it.
    ///
    /// # Panics
    /// Ends the test as skipped where `nft` or `ethtool` is missing.
    pub fn lose(&self, share: f64) {
        let drop = format!("numgen random mod 10000 < {} counter drop", (share * 10_000.0) as u32);
        self.filter(if share > 0.0 { &drop } else { "" });
    }

    /// Drops everything that comes from `other`, while the other way stays open; `None` ends it.
    ///
    /// # Panics
    /// Ends the test as skipped where `nft` is missing.
    pub fn be_deaf_to(&self, other: Option<&Host>) {
        let rule = other.map(|host| format!("ether saddr {} drop", host.ethernet()));
        self.filter(rule.as_deref().unwrap_or(""));
    }

    /// Drops every multicast frame that reaches the host, as networks do that do not carry multicast; broadcasts and
    /// frames for the host itself come through.
    ///
    /// # Panics
    /// Ends the test as skipped where `nft` is missing.
    pub fn lose_multicast(&self) {
        self.filter("meta pkttype multicast drop");
    }

    fn filter(&self, rule: &str) {
        for (program, package) in [("nft", "nftables"), ("ethtool", "ethtool")] {
            if !tool::has(program) {
                skip(&format!("{program} is missing (package {package})"));
            }
        }
        let chain =
            format!("chain in {{ type filter hook ingress device \"eth0\" priority 0;\n {rule}\n }}\n");
        let table = format!("table netdev lab\ndelete table netdev lab\ntable netdev lab {{\n {chain} }}\n");
        let script = ["netns", "exec", &self.name, "nft", "-f", "-"];
        if let Err(why) = tool::attempt_with_input("ip", &script, &table) {
            skip(&format!("the kernel refuses a drop rule: {why}"));
        }
    }

    /// The Ethernet address of `eth0`.
    pub fn ethernet(&self) -> String {
        let path = "/sys/class/net/eth0/address";
        let text = tool::run("ip", &["netns", "exec", &self.name, "cat", path]);
        text.trim().to_owned()
    }

    /// What the host has put on the wire since its interface was made, counted at the switch's port.
    pub fn sent(&self) -> Traffic {
        let output = tool::run("ip", &["-n", &self.bridge, "-s", "-j", "link", "show", &self.port()]);
        let json: serde_json::Value = serde_json::from_str(&output).expect("ip prints JSON");
        let count = |what: &str| json[0]["stats64"]["rx"][what].as_u64().expect("ip counts frames");
        Traffic { bytes: count("bytes"), packets: count("packets") }
    }

    pub(super) fn rate(&self, mbit: u32) {
        // A quarter of a kernel tick's worth (250 Hz) may leave at once, and never less than ten frames.
        let burst = (u64::from(mbit) * 1_000_000 / 8 / 250 / 4).max(16_000).to_string();
        let rate = format!("{mbit}mbit");
        let port = self.port();
        // The host's own queue is deeper than the switch's port, which is where a busy LAN loses frames.
        for (namespace, device, limit) in [(&self.name, "eth0", "1500000"), (&self.bridge, &port, "750000")] {
            let place = ["-n", namespace, "qdisc", "replace", "dev", device, "root"];
            let shape = ["tbf", "rate", &rate, "burst", &burst, "limit", limit];
            tool::run("tc", &[&place[..], &shape[..]].concat());
        }
    }

    pub(super) fn remove(&self) {
        tool::try_run("ip", &["netns", "del", &self.name]);
        let _gone_already = fs::remove_dir_all(&self.dir);
    }

    fn port(&self) -> String {
        format!("p{}", self.index)
    }
}

/// Runs a closure on a thread inside a named network namespace.
pub(super) fn enter_network<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    let namespace = fs::File::open(format!("/run/netns/{name}")).expect("the namespace exists");
    let on_thread = || {
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), kind)
            .expect("the lab may enter its own namespaces");
        work()
    };
    std::thread::scope(|scope| match scope.spawn(on_thread).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
