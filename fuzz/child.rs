//! The process of one reader: gives it one input after the other.

use std::any::Any;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, thread};

use rustix::time::{ClockId, clock_gettime};

use crate::random::Random;
use crate::targets::{Target, all, planted};
use crate::{MEMORY, mutate};

/// What makes a process one of these: the reader, the seed, the first input and the one behind the last, `each` if every one is to be named.
pub const VARIABLE: &str = "FUZZ_CHILD";
/// An input that takes more is a fault: processor time, however busy the machine is.
const SLOW: Duration = Duration::from_secs(1);
/// And one that takes more memory than this beside itself, in bytes.
const LARGE: usize = 64 << 20;
/// What does not come back in this time never will.
const HANGS: Duration = Duration::from_secs(120);
/// After how many inputs it says how far it is.
pub const STEP: u64 = 1000;

/// Where the last panic was.
static PANIC: Mutex<String> = Mutex::new(String::new());
/// The input under way.
static UNDER_WAY: AtomicU64 = AtomicU64::new(0);

/// Runs what `order` says. Each fault is a line on standard output that begins with `fault `.
pub fn run(order: &str) -> ExitCode {
    let parts: Vec<&str> = order.split(' ').collect();
    let [name, seed, first, end, each] = parts[..] else { panic!("{order}") };
    let (seed, first, end) = (seed.parse().unwrap(), first.parse().unwrap(), end.parse().unwrap());
    let target = all().into_iter().chain([planted()]).find(|t| t.name == name).expect("a reader of this name");
    std::panic::set_hook(Box::new(|info| *PANIC.lock().unwrap() = info.to_string().replace('\n', " ")));
    thread::spawn(watch);
    if let Some(file) = std::env::var_os("FUZZ_FILE") {
        return report(&target, seed, 0, &fs::read(file).expect("the input"));
    }
    let seeds = (target.seeds)();
    let mut code = ExitCode::SUCCESS;
    for index in first..end {
        if each == "each" || index % STEP == 0 {
            println!("at {index}");
        }
        UNDER_WAY.store(index, Ordering::Relaxed);
        let mut random = Random::of(target.name, seed, index);
        // The seeds themselves come first.
        let input = match seeds.get(usize::try_from(index).unwrap_or(usize::MAX)) {
            Some(whole) => whole.clone(),
            None => mutate::input(&mut random, &seeds, target.words),
        };
        if report(&target, seed, index, &input) != ExitCode::SUCCESS {
            code = ExitCode::FAILURE;
        }
    }
    code
}

/// Reads one input, and says what was wrong with that.
fn report(target: &Target, seed: u64, index: u64, input: &[u8]) -> ExitCode {
    let Some(fault) = read(target, input) else { return ExitCode::SUCCESS };
    let kept = keep(target.name, seed, index, input);
    println!(
        "fault {}: input {index} of seed {seed}, {} bytes, {fault}; again: FUZZ_ONLY={} FUZZ_FILE={} cargo test --test fuzz",
        target.name,
        input.len(),
        target.name,
        kept.display()
    );
    std::io::stdout().flush().expect("somebody listens");
    ExitCode::FAILURE
}

fn read(target: &Target, input: &[u8]) -> Option<String> {
    let (before, began) = (MEMORY.current_usage(), spent());
    MEMORY.reset_peak_usage();
    let ended = catch_unwind(AssertUnwindSafe(|| (target.read)(input)));
    let (took, held) = (spent().saturating_sub(began), MEMORY.peak_usage().saturating_sub(before));
    match ended {
        Err(thrown) => Some(panicked(&*thrown)),
        Ok(()) if took > SLOW => Some(format!("took {took:?}")),
        Ok(()) if held > LARGE => Some(format!("held {} MiB", held >> 20)),
        Ok(()) => None,
    }
}

fn panicked(thrown: &dyn Any) -> String {
    let text = std::mem::take(&mut *PANIC.lock().unwrap());
    if text.is_empty() { format!("panicked: {thrown:?}") } else { text }
}

/// Processor time of this thread.
pub fn spent() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Ends the process where an input never ends.
fn watch() {
    let mut last = (UNDER_WAY.load(Ordering::Relaxed), spent_by_all());
    loop {
        thread::sleep(Duration::from_secs(5));
        let now = (UNDER_WAY.load(Ordering::Relaxed), spent_by_all());
        if now.0 != last.0 {
            last = now;
        } else if now.1 - last.1 > HANGS {
            println!("hangs {}", now.0);
            std::process::abort();
        }
    }
}

fn spent_by_all() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Keeps an input that failed.
fn keep(target: &str, seed: u64, index: u64, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("fuzz");
    let path = folder.join(format!("{target}-{seed}-{index}"));
    fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input)).expect("the input is kept");
    path
}
