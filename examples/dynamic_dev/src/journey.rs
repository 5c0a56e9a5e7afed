//! A journey in stages.

use std::collections::BTreeMap;
use units::Metres;

thread_local! {
    static LONGEST: std::cell::Cell<f64> = const { std::cell::Cell::new(0.0) };
}

#[derive(Debug, Default)]
pub struct Journey {
    stages: BTreeMap<String, Metres>,
}

impl Journey {
    pub fn stage(mut self, name: &str, kilometres: f64) -> Self {
        LONGEST.with(|longest| longest.set(longest.get().max(kilometres)));
        self.stages.insert(name.to_owned(), Metres::from_kilometres(kilometres));
        self
    }

    pub fn stages(&self) -> impl Iterator<Item = (&str, Metres)> {
        self.stages.iter().map(|(name, length)| (name.as_str(), *length))
    }

    /// # Panics
    /// If there is no stage.
    pub fn first(&self) -> Metres {
        *self.stages.values().next().expect("a journey has a stage")
    }
}

pub fn longest() -> f64 {
    LONGEST.with(std::cell::Cell::get)
}
