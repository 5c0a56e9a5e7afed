//! SIGKILLs at random moments, while something works on.

use crate::watched::kill;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let end = end.max(1) as u64;
        usize::try_from((mixed ^ (mixed >> 31)) % end).unwrap_or(0)
    }
}

/// How processes are killed.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// What is killed, for messages.
    pub what: &'static str,
    /// What the moments and the processes follow from, as far as the machine's own timing lets
    /// them.
    pub seed: u64,
    /// How many kills there are.
    pub count: usize,
    /// The longest time between two, in hundredths of what a round takes in peace: a machine may be
    /// slow, or busy.
    pub pause: u32,
}

/// What has been killed so far.
#[derive(Debug, Default)]
struct Kills {
    /// How many signals are on their way or have been sent.
    begun: AtomicUsize,
    /// How many have been sent.
    count: AtomicUsize,
    over: AtomicBool,
}

impl Kills {
    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether there will be no more.
    fn over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }
}

/// A process, and what it is.
pub type Victim = (String, String);

/// Has `work` do a round in peace, then others as long as processes are killed, and another one in
/// peace. `victims` lists what may be killed: number and kind. Each of `kinds` must have been hit.
///
/// # Errors
/// `work`'s own; that too little was hit or done for this to have tested anything.
pub fn while_killing(
    plan: Plan,
    kinds: &[&str],
    victims: impl Fn() -> Vec<Victim> + Sync,
    mut work: impl FnMut(usize, &mut Attempts<'_>) -> Result<()>,
) -> Result<()> {
    let began = Instant::now();
    work(0, &mut Attempts::new(&Kills::default())).with_context(|| format!("{}, before anything was killed", plan.what))?;
    let pause = began.elapsed() * plan.pause / 100;
    let kills = Kills::default();
    let (done, hit) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| kill_at_random(plan, pause, &victims, &kills));
        let (mut rounds, mut attempts) = (1, Attempts::new(&kills));
        let done = loop {
            let last = kills.over();
            if let Err(error) = work(rounds, &mut attempts) {
                kills.over.store(true, Ordering::SeqCst);
                break Err(error.context(format!(
                    "{}, round {rounds}, after {} kills with the seed {}",
                    plan.what,
                    kills.count(),
                    plan.seed
                )));
            }
            rounds += 1;
            if last {
                break Ok(rounds);
            }
        };
        (done, killer.join())
    });
    let Ok(hit) = hit else { bail!("the thread that kills has panicked") };
    let rounds = done?;
    // As `skip` has it: libtest hides what passing tests print otherwise.
    let _ = writeln!(std::io::stderr(), "{}: {} kills with the seed {}, {rounds} rounds: {hit:?}", plan.what, kills.count(), plan.seed);
    ensure!(kills.count() == plan.count && rounds > 4, "{}: {} kills in {rounds} rounds", plan.what, kills.count());
    for kind in kinds {
        ensure!(hit.contains_key(*kind), "{}: nothing that is `{kind}` was killed: {hit:?}", plan.what);
    }
    Ok(())
}

fn kill_at_random(plan: Plan, pause: Duration, victims: &impl Fn() -> Vec<Victim>, kills: &Kills) -> BTreeMap<String, usize> {
    let mut random = Random::new(plan.seed);
    let mut hit = BTreeMap::new();
    while kills.count() < plan.count && !kills.over() {
        std::thread::sleep(Duration::from_micros(random.below(usize::try_from(pause.as_micros()).unwrap_or(0)) as u64));
        let mut all = victims();
        if all.is_empty() {
            continue;
        }
        let (id, kind) = all.swap_remove(random.below(all.len()));
        kills.begun.fetch_add(1, Ordering::SeqCst);
        if kill("-KILL", &id).is_ok() {
            *hit.entry(kind).or_default() += 1;
            kills.count.fetch_add(1, Ordering::SeqCst);
        } else {
            kills.begun.fetch_sub(1, Ordering::SeqCst);
        }
    }
    kills.over.store(true, Ordering::SeqCst);
    hit
}

/// Attempts at something that is tried until it is done. Each failure must come from a kill.
#[derive(Debug)]
pub struct Attempts<'a> {
    kills: &'a Kills,
    /// How many kills there had been when the attempt before this one began, and when this one did.
    began: [usize; 2],
}

impl<'a> Attempts<'a> {
    fn new(kills: &'a Kills) -> Self {
        Self { kills, began: [kills.count(); 2] }
    }

    /// Takes note of a new attempt.
    pub fn begin(&mut self) {
        self.began = [self.began[1], self.kills.count()];
    }

    /// Checks that an attempt may have failed, with these words.
    ///
    /// # Errors
    /// If nothing was killed that it could come from, or it is a panic.
    pub fn failed(&self, said: &str) -> Result<()> {
        ensure!(!said.contains("panicked at"), "something panicked:\n{said}");
        // What was killed at the end of an attempt may show in the next one.
        ensure!(self.kills.begun.load(Ordering::SeqCst) > self.began[0], "it failed, and nothing had been killed:\n{said}");
        Ok(())
    }
}

/// The processes below `roots`, these included.
pub fn with_descendants(roots: Vec<String>) -> Vec<String> {
    let mut children: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for id in crate::rustc_fixture::tools::names_in("/proc".as_ref()) {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let Some((_, fields)) = stat.rsplit_once(") ") else { continue };
        let mut fields = fields.split(' ');
        // One that is dead already cannot be killed.
        if let (Some(state), Some(parent)) = (fields.next(), fields.next())
            && !matches!(state, "Z" | "X")
        {
            children.entry(parent.to_owned()).or_default().push(id);
        }
    }
    let (mut found, mut next) = (Vec::new(), roots);
    while let Some(id) = next.pop() {
        next.extend(children.get(&id).into_iter().flatten().cloned());
        found.push(id);
    }
    found
}

/// What a process is: of splitlink's, a `worker`, what is `attached` to one, a `call` in rustc's
/// place or, as what is left, a `server`; of others the program's name.
pub fn kind_of(id: &str) -> String {
    let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim().to_owned();
    if name != "splitlink" {
        return name;
    }
    let command = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    match command.split('\0').nth(1) {
        Some(phase @ ("worker" | "attached")) => phase,
        Some("rustc") => "call",
        _ => "server",
    }
    .to_owned()
}
