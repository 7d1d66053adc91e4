//! What a server's calls come to.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use crate::meter::cells::{ByCode, Ended, Ends, Outcome};
use crate::meter::shards::Sharded;
use crate::status::Code;

/// What calls of methods are called that nobody knows by name.
const OTHER: &str = "other";

/// So many methods of services that others have generated get names of their own: which methods these have is learned
/// from calls, and a caller must not fill the memory.
const LEARNED_MAX: usize = 1_000;

/// Counts the calls of servers; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerMeter(Option<Arc<Methods>>);

#[derive(Debug, Default)]
struct Methods {
    by_name: RwLock<HashMap<String, Arc<Method>>>,
    /// How many of them were learned from calls.
    learned: AtomicU64,
}

#[derive(Debug, Default)]
struct Method {
    cells: Sharded<Cells>,
}

#[derive(Debug, Default)]
struct Cells {
    started: AtomicU64,
    ended: ByCode<Ended>,
}

/// Counts the calls of one method.
#[derive(Debug, Clone, Default)]
pub(crate) enum MethodMeter {
    /// Nobody wants to know.
    #[default]
    Off,
    Known(Known),
    /// A method of a service that somebody else has generated, if there is such a method.
    Unknown(Arc<Unknown>),
}

#[derive(Debug, Clone)]
pub(crate) struct Known(Arc<Method>);

#[derive(Debug)]
pub(crate) struct Unknown {
    name: String,
    methods: Arc<Methods>,
    /// Known by now.
    known: OnceLock<Known>,
}

/// What servers have counted of one method.
#[derive(Debug, Default)]
pub(crate) struct ServerReading {
    pub(crate) method: String,
    pub(crate) started: u64,
    pub(crate) ended: BTreeMap<i32, Ends>,
}

/// How often a method was called.
#[derive(Debug)]
pub(crate) struct CallCount {
    /// `package.Service/Method`
    pub(crate) method: String,
    pub(crate) started: u64,
    /// How many of these have ended with another status than OK.
    pub(crate) failed: u64,
}

impl ServerMeter {
    /// A meter that counts.
    pub(crate) fn counting() -> Self {
        ServerMeter(Some(Arc::default()))
    }

    /// Of a method that generated code has registered.
    pub(crate) fn registered(&self, path: &str) -> MethodMeter {
        self.0.as_ref().map_or(MethodMeter::Off, |methods| MethodMeter::Known(methods.of(name_of(path))))
    }

    /// Of whatever else is called.
    pub(crate) fn other(&self) -> MethodMeter {
        self.registered(OTHER)
    }

    /// Of what may be a method of a service that is known, though its methods are not. It gets a name when it has
    /// answered.
    pub(crate) fn unknown(&self, path: &str) -> MethodMeter {
        let Some(methods) = &self.0 else { return MethodMeter::Off };
        let name = name_of(path);
        if let Some(known) = methods.find(name) {
            return MethodMeter::Known(known);
        }
        let (name, methods) = (name.to_owned(), Arc::clone(methods));
        MethodMeter::Unknown(Arc::new(Unknown { name, methods, known: OnceLock::new() }))
    }

    /// How often methods were called, in the order of names; `None` where nothing is counted.
    pub(crate) fn counts(&self) -> Option<Vec<CallCount>> {
        self.0.as_ref()?;
        let count = |reading: ServerReading| {
            let bad = reading.ended.iter().filter(|(code, _)| **code != Code::Ok as i32);
            let failed = bad.map(|(_, ends)| ends.durations.counts.iter().sum::<u64>()).sum();
            CallCount { method: reading.method, started: reading.started, failed }
        };
        Some(self.read().into_iter().map(count).collect())
    }

    /// What was counted, in the order of names.
    pub(crate) fn read(&self) -> Vec<ServerReading> {
        let Some(methods) = &self.0 else { return Vec::new() };
        let by_name = methods.by_name.read().unwrap_or_else(PoisonError::into_inner);
        let mut readings: Vec<_> = by_name.iter().map(|(name, method)| method.read(name)).collect();
        readings.sort_by(|one, other| one.method.cmp(&other.method));
        readings
    }
}

/// A method's name as telemetry writes it, without the slash in front.
pub(super) fn name_of(path: &str) -> &str {
    path.trim_start_matches('/')
}

impl Methods {
    fn find(&self, name: &str) -> Option<Known> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned().map(Known)
    }

    fn of(&self, name: &str) -> Known {
        self.find(name).unwrap_or_else(|| {
            let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
            Known(Arc::clone(by_name.entry(name.to_owned()).or_default()))
        })
    }

    /// The same for a name that came from a caller.
    fn learn(&self, name: &str) -> Known {
        if let Some(known) = self.find(name) {
            return known;
        }
        // A few more, if several threads learn at the same time.
        let is_full = self.learned.load(Relaxed) >= LEARNED_MAX as u64;
        if is_full {
            return self.of(OTHER);
        }
        self.learned.fetch_add(1, Relaxed);
        self.of(name)
    }
}

impl Method {
    fn read(&self, name: &str) -> ServerReading {
        let mut reading = ServerReading { method: name.to_owned(), ..ServerReading::default() };
        self.cells.each(|cells| {
            reading.started += cells.started.load(Relaxed);
            cells.ended.each(|code, ended| ended.read(reading.ended.entry(code as i32).or_default()));
        });
        reading
    }
}

impl Known {
    fn started(&self) {
        let (cells, writer) = self.0.cells.here();
        writer.add(&cells.started, 1);
    }

    fn ended(&self, outcome: &Outcome) {
        let (cells, writer) = self.0.cells.here();
        cells.ended.of(outcome.code).record(outcome, writer);
    }
}

impl MethodMeter {
    /// Whether anybody wants to know.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self, MethodMeter::Off)
    }

    /// A call has begun. `false`: its method is not known yet, and neither is its beginning.
    pub(crate) fn started(&self) -> bool {
        let known = match self {
            MethodMeter::Off => return true,
            MethodMeter::Known(known) => known,
            MethodMeter::Unknown(unknown) => match unknown.known.get() {
                Some(known) => known,
                None => return false,
            },
        };
        known.started();
        true
    }

    /// The same of a call that something has answered, by its code if it has ended with that.
    pub(crate) fn answered(&self, code: Option<Code>) {
        if let MethodMeter::Unknown(unknown) = self {
            unknown.settle(code).started();
        }
    }

    /// A call that has started has ended.
    pub(crate) fn ended(&self, outcome: &Outcome) {
        match self {
            MethodMeter::Off => {}
            MethodMeter::Known(known) => known.ended(outcome),
            MethodMeter::Unknown(unknown) => unknown.settle(Some(outcome.code)).ended(outcome),
        }
    }

    /// A call has begun and ended.
    #[inline]
    pub(crate) fn happened(&self, outcome: impl FnOnce() -> Outcome) {
        match self {
            MethodMeter::Off => {}
            MethodMeter::Known(known) => {
                let outcome = outcome();
                let (cells, writer) = known.0.cells.here();
                writer.add(&cells.started, 1);
                cells.ended.of(outcome.code).record(&outcome, writer);
            }
            MethodMeter::Unknown(_) => {
                let outcome = outcome();
                if !self.started() {
                    self.answered(Some(outcome.code));
                }
                self.ended(&outcome);
            }
        }
    }
}

impl Unknown {
    /// What a call counts as that was answered. What says that there is no such method, or is said before anybody looks
    /// for one, names none.
    fn settle(&self, code: Option<Code>) -> Known {
        if let Some(known) = self.known.get() {
            return known.clone();
        }
        if matches!(code, Some(Code::Unimplemented | Code::Unauthenticated | Code::PermissionDenied | Code::Cancelled))
        {
            return self.methods.of(OTHER);
        }
        self.known.get_or_init(|| self.methods.learn(&self.name)).clone()
    }
}
