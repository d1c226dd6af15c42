use super::*;
use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

fn session(n: u8) -> SessionId {
    SessionId([n; 16])
}

fn log(n: u8) -> LogId {
    LogId { origin: OriginId([n; 16]), epoch: Epoch(1) }
}

fn entry(s: u8, l: u8, seq: u64, stamp: u64) -> Write {
    let datagram = datagram(s, l, seq);
    Write::Entry { session: session(s), log: log(l), seq: Seq(seq), stamp, datagram }
}

fn datagram(s: u8, l: u8, seq: u64) -> Bytes {
    Bytes::from(format!("{s} {l} {seq} {}", "x".repeat(seq as usize % 700)))
}

fn batch(number: u64, writes: Vec<Write>) -> Batch {
    Batch { number, writes }
}

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("chalktalk-store-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir(&path).unwrap();
    path
}

/// A store and the news of its writer.
fn open(path: &Path) -> (Store, Restored, mpsc::Receiver<()>) {
    let (wake, woken) = mpsc::channel();
    let (store, restored) = Store::open(path, move || wake.send(()).unwrap_or(())).unwrap();
    (store, restored, woken)
}

fn wait_for(store: &Store, woken: &mpsc::Receiver<()>, number: u64) {
    while store.completed().unwrap() != Some(number) {
        woken.recv_timeout(Duration::from_secs(10)).expect("the writer says when it is done");
    }
}

#[test]
fn what_was_stored_is_there_after_a_restart() {
    let path = folder("restart");
    let (store, restored, woken) = open(&path);
    assert_eq!(restored, Restored::default());
    store.submit(batch(1, (1..=40).map(|seq| entry(1, 7, seq, seq * 10)).collect()));
    store.submit(batch(2, vec![entry(1, 8, 1, 15), entry(2, 7, 3, 99)]));
    store.submit(batch(3, vec![Write::Record { key: b"k".to_vec(), value: b"old".to_vec() }]));
    store.submit(batch(4, vec![Write::Record { key: b"k".to_vec(), value: b"new".to_vec() }]));
    wait_for(&store, &woken, 4);
    assert!(store.has_room());
    store.close().unwrap();

    let (store, restored, _) = open(&path);
    assert_eq!(restored.records, [(b"k".to_vec(), b"new".to_vec())]);
    let run = |s, l, first, last, stamp| StoredLog {
        session: session(s),
        log: log(l),
        first: Seq(first),
        last: Seq(last),
        stamp,
        genesis: first == 1,
    };
    assert_eq!(restored.logs, [run(1, 7, 1, 40, 400), run(1, 8, 1, 1, 15), run(2, 7, 3, 3, 99)]);
    let some = store.read(session(1), log(7), Seq(38), usize::MAX).unwrap();
    assert_eq!(some, [datagram(1, 7, 38), datagram(1, 7, 39), datagram(1, 7, 40)]);
    drop(store);
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn reads_are_bounded_and_stop_at_a_gap() {
    let path = folder("bounds");
    let (store, _, woken) = open(&path);
    store.submit(batch(1, [1, 2, 3, 5].map(|seq| entry(1, 1, seq, seq)).to_vec()));
    wait_for(&store, &woken, 1);
    let read = |from, max| store.read(session(1), log(1), Seq(from), max).unwrap().len();
    assert_eq!(read(1, usize::MAX), 3, "nothing behind the gap");
    assert_eq!(read(1, 0), 1, "at least one");
    assert_eq!(read(1, datagram(1, 1, 1).len() + datagram(1, 1, 2).len()), 2);
    assert_eq!(read(4, usize::MAX), 0);
    assert_eq!(store.read(session(2), log(1), Seq(1), 1000).unwrap(), Vec::<Bytes>::new());
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn the_oldest_are_dropped_first_and_first_entries_stay() {
    let path = folder("retain");
    let (store, _, woken) = open(&path);
    let size = |entries: &[(u8, u64)]| {
        entries.iter().map(|(l, seq)| datagram(1, *l, *seq).len() as u64).sum::<u64>()
    };
    store.submit(batch(
        1,
        (1..=9).flat_map(|seq| [entry(1, 1, seq, seq * 10), entry(1, 2, seq, seq * 10 + 5)]).collect(),
    ));
    store.submit(batch(2, vec![entry(2, 1, 1, 1), entry(2, 1, 2, 2)]));
    let excess = size(&[(1, 2), (2, 2), (1, 3)]);
    store.submit(batch(3, vec![Write::Retain { session: session(1), excess, stamp: u64::MAX }]));
    wait_for(&store, &woken, 3);
    let upto = vec![(log(1), Seq(3)), (log(2), Seq(2))];
    assert_eq!(store.take_dropped(), [Dropped { session: session(1), bytes: excess, upto }]);
    assert_eq!(store.take_dropped(), []);
    // None of a later stamp, whatever is asked for.
    store.submit(batch(4, vec![Write::Retain { session: session(1), excess: u64::MAX, stamp: 44 }]));
    store.submit(batch(5, vec![Write::DropEntries { session: session(1), log: log(1), upto: Seq(7) }]));
    wait_for(&store, &woken, 5);
    assert_eq!(store.take_dropped()[0].upto, [(log(1), Seq(4)), (log(2), Seq(3))]);
    assert_eq!(store.read(session(1), log(1), Seq(1), usize::MAX).unwrap(), [datagram(1, 1, 1)]);
    assert_eq!(store.read(session(1), log(1), Seq(8), usize::MAX).unwrap().len(), 2);
    let kept = store.read_before(session(1), None, 99).unwrap();
    assert_eq!(kept.len(), 3 + 7, "what was dropped is in no history");
    store.close().unwrap();
    let (store, restored, _) = open(&path);
    let run = |l, first| (log(l), Seq(first), Seq(9), true);
    let found: Vec<_> = restored.logs.iter().take(2).map(|l| (l.log, l.first, l.last, l.genesis)).collect();
    assert_eq!(found, [run(1, 8), run(2, 4)]);
    let kept = [(1, 1), (1, 8), (1, 9), (2, 1)].into_iter().chain((4..=9).map(|seq| (2, seq)));
    let sizes =
        [(session(1), size(&kept.collect::<Vec<_>>())), (session(2), 2 * datagram(2, 1, 1).len() as u64 + 1)];
    assert_eq!(restored.sizes, sizes);
    drop(store);
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn history_pages_backwards_in_order_of_stamps() {
    let path = folder("history");
    let (store, _, woken) = open(&path);
    let writes = vec![
        entry(1, 1, 1, 10),
        entry(1, 2, 1, 10),
        entry(1, 2, 2, 20),
        entry(1, 1, 2, 30),
        entry(2, 1, 1, 5),
    ];
    store.submit(batch(1, writes));
    wait_for(&store, &woken, 1);
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let page = store.read_before(session(1), before, 2).unwrap();
        let Some((last, _)) = page.last() else { break };
        before = Some(*last);
        seen.extend(page.iter().map(|(place, bytes)| (place.stamp, place.log, bytes.clone())));
    }
    let want = [(30, 1, 2), (20, 2, 2), (10, 2, 1), (10, 1, 1)];
    assert_eq!(seen, want.map(|(stamp, l, seq)| (stamp, log(l), datagram(1, l, seq))));
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn what_waits_for_the_disk_is_counted() {
    let path = folder("room");
    let (store, _, woken) = open(&path);
    let big = Bytes::from(vec![0; 1 << 20]);
    let write = |seq| Write::Entry {
        session: session(1),
        log: log(1),
        seq: Seq(seq),
        stamp: seq,
        datagram: big.clone(),
    };
    (1..=40).for_each(|seq| store.submit(batch(seq, vec![write(seq)])));
    wait_for(&store, &woken, 40);
    assert!(store.has_room());
    std::fs::remove_dir_all(path).unwrap();
}

/// Does something only as the child of the test below: stores entries and says so until it is killed.
#[test]
fn child_that_stores_until_killed() {
    let Some(path) = std::env::var_os("STORE_CHILD").map(PathBuf::from) else { return };
    let (store, restored, woken) = open(&path);
    let start = restored.logs.first().map_or(0, |run| run.last.0);
    for number in 1.. {
        store.submit(batch(number, vec![entry(1, 1, start + number, number)]));
        wait_for(&store, &woken, number);
        println!("stored {}", start + number);
    }
}

#[test]
fn kill_dash_nine_loses_nothing_that_was_told_stored() {
    use std::io::{BufRead, BufReader};
    let path = folder("kill");
    let mut told = 0;
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::child_that_stores_until_killed", "--nocapture"])
            .env("STORE_CHILD", &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let stored =
            lines.filter_map(|line| line.strip_prefix("stored ").and_then(|n| n.parse::<u64>().ok()));
        told = stored.take(7 * round).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (store, restored, _) = open(&path);
    assert!(restored.logs[0].last.0 >= told, "told {told}, held {}", restored.logs[0].last.0);
    assert_eq!(store.read(session(1), log(1), Seq(told), 0).unwrap(), [datagram(1, 1, told)]);
    std::fs::remove_dir_all(path).unwrap();
}

/// A disk that loses its power: what was written since the last sync survives in part, sector by sector.
#[derive(Debug, Default)]
struct Disk {
    durable: Vec<u8>,
    cache: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    operations_left: u64,
}

#[derive(Debug, Clone)]
struct Platter(Arc<Mutex<Disk>>);

impl Disk {
    fn spend(&mut self) -> io::Result<()> {
        self.operations_left =
            self.operations_left.checked_sub(1).ok_or_else(|| io::Error::other("power cut"))?;
        Ok(())
    }

    /// What a reader finds after the cut: each unsynced sector made it, or not.
    fn after_cut(&self, random: &mut Random) -> Vec<u8> {
        let mut image = self.durable.clone();
        if random.below(2) == 0 {
            image.resize(self.cache.len(), 0);
        }
        let kept_of_ten = random.below(11);
        for (at, sector) in &self.unsynced {
            if random.below(10) < kept_of_ten && at + sector.len() <= image.len() {
                let torn = if random.below(20) == 0 {
                    random.below(sector.len() as u64) as usize
                } else {
                    sector.len()
                };
                image[*at..at + torn].copy_from_slice(&sector[..torn]);
            }
        }
        image
    }
}

impl StorageBackend for Platter {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().cache.len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.0.lock().unwrap();
        let from = offset as usize;
        let bytes = disk.cache.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.spend()?;
        disk.cache.resize(len as usize, 0);
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.spend()?;
        disk.durable = disk.cache.clone();
        disk.unsynced.clear();
        Ok(())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        disk.spend()?;
        let at = offset as usize;
        disk.cache[at..at + data.len()].copy_from_slice(data);
        let sectors = data.chunks(512).enumerate().map(|(n, sector)| (at + n * 512, sector.to_vec()));
        disk.unsynced.extend(sectors);
        Ok(())
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
fn power_cuts_lose_nothing_that_was_told_stored() {
    for seed in 1..=60u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut image = Vec::new();
        let mut told: BTreeMap<u8, u64> = BTreeMap::new();
        for round in 0..4 {
            let operations_left = if round == 1 { 1 + random.below(30) } else { 60 + random.below(600) };
            let disk = Disk { durable: image.clone(), cache: image, operations_left, ..Disk::default() };
            let platter = Platter(Arc::new(Mutex::new(disk)));
            live_until_cut(seed, platter.clone(), &mut told, &mut random);
            let disk = platter.0.lock().unwrap();
            image = disk.after_cut(&mut random);
            if told.is_empty() && disk.durable.is_empty() {
                image.clear(); // the power went before the file was ever made
            }
        }
        let disk =
            Disk { durable: image.clone(), cache: image, operations_left: u64::MAX, ..Disk::default() };
        let (_store, restored) =
            Store::with_backend(Platter(Arc::new(Mutex::new(disk))), Gauge::default(), || ()).unwrap();
        check(seed, &restored, &told);
    }
}

fn live_until_cut(seed: u64, platter: Platter, told: &mut BTreeMap<u8, u64>, random: &mut Random) {
    let (wake, woken) = mpsc::channel();
    let opened = Store::with_backend(platter, Gauge::default(), move || wake.send(()).unwrap_or(()));
    let Ok((store, restored)) = opened else { return };
    check(seed, &restored, told);
    let mut heads: BTreeMap<u8, u64> =
        restored.logs.iter().map(|run| (run.log.origin.0[0], run.last.0)).collect();
    for number in 1..40 {
        let mut writes = Vec::new();
        for _ in 0..=random.below(5) {
            let origin = random.below(3) as u8;
            let head = heads.entry(origin).or_default();
            *head += 1;
            writes.push(entry(1, origin, *head, *head));
        }
        store.submit(batch(number, writes));
        loop {
            match store.completed() {
                Ok(Some(done)) if done == number => break,
                Ok(_) if woken.recv_timeout(Duration::from_secs(10)).is_ok() => {}
                Ok(_) => panic!("seed {seed}: the writer fell silent"),
                Err(_) => return,
            }
        }
        told.clone_from(&heads);
    }
}

fn check(seed: u64, restored: &Restored, told: &BTreeMap<u8, u64>) {
    for (origin, last) in told {
        let held = restored.logs.iter().find(|run| run.log == log(*origin)).map_or(0, |run| run.last.0);
        assert!(held >= *last, "seed {seed}: told {last} of log {origin}, held {held}");
    }
}
