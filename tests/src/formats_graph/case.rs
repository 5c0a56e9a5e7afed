//! The cases: a graph, the forms of its inner crates, the linked crate's type, and where dylibs are
//! preferred.
//!
//! All of them are every graph of [`SHAPES`] × every assignment of [`Form`]s to its inner crates ×
//! [`CRATE_TYPES`] × [`PREFERENCES`].

use std::fmt;

/// A crate graph.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    /// What it is called.
    pub name: &'static str,
    /// The inner crates, dependencies first: each with the crates it depends on, by place.
    pub inner: &'static [&'static [usize]],
    /// What the linked crate depends on.
    pub top: &'static [usize],
}

impl Shape {
    /// The crates at `places` and everything below them, dependencies first.
    pub fn below(&self, places: &[usize]) -> Vec<usize> {
        let mut found = vec![false; self.inner.len()];
        let mut todo = places.to_vec();
        while let Some(place) = todo.pop() {
            found[place] = true;
            todo.extend(self.inner[place]);
        }
        (0..found.len()).filter(|&place| found[place]).collect()
    }
}

/// The graphs, of 2 to 6 crates with the linked one.
pub const SHAPES: &[Shape] = &[
    Shape { name: "chain2", inner: &[&[]], top: &[0] },
    Shape { name: "chain3", inner: &[&[], &[0]], top: &[1] },
    Shape { name: "pair", inner: &[&[], &[]], top: &[0, 1] },
    Shape { name: "triangle", inner: &[&[], &[0]], top: &[0, 1] },
    Shape { name: "chain4", inner: &[&[], &[0], &[1]], top: &[2] },
    Shape { name: "diamond", inner: &[&[], &[0], &[0]], top: &[1, 2] },
    Shape { name: "fan", inner: &[&[], &[], &[]], top: &[0, 1, 2] },
    Shape { name: "kite", inner: &[&[], &[0], &[0], &[1, 2]], top: &[3] },
    Shape { name: "stalk", inner: &[&[], &[0], &[1], &[1]], top: &[2, 3] },
    Shape { name: "braid", inner: &[&[], &[0], &[0, 1], &[1]], top: &[2, 3] },
    Shape { name: "chain6", inner: &[&[], &[0], &[1], &[2], &[3]], top: &[4] },
    Shape { name: "double-diamond", inner: &[&[], &[0], &[0], &[1, 2], &[1, 2]], top: &[3, 4] },
    Shape { name: "two-diamonds", inner: &[&[], &[], &[0, 1], &[0, 1], &[1]], top: &[2, 3, 4] },
];

/// What a crate is offered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// An rlib.
    Rlib,
    /// A Rust dylib.
    Dylib,
    /// Both, of one build.
    Both,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Rlib, Self::Dylib, Self::Both];

    /// Whether there is an rlib.
    pub fn rlib(self) -> bool {
        self != Self::Dylib
    }

    /// Whether there is a dylib.
    pub fn dylib(self) -> bool {
        self != Self::Rlib
    }

    /// rustc's crate types for it.
    pub fn crate_types(self) -> &'static [&'static str] {
        match self {
            Self::Rlib => &["rlib"],
            Self::Dylib => &["dylib"],
            Self::Both => &["rlib", "dylib"],
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rlib => "rlib",
            Self::Dylib => "dylib",
            Self::Both => "both",
        })
    }
}

/// The crate types that are linked.
pub const CRATE_TYPES: &[&str] = &["bin", "dylib", "cdylib", "staticlib", "proc-macro"];

/// Where `-Cprefer-dynamic` is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preference {
    /// For the dylibs of inner crates.
    pub inner: bool,
    /// For the linked crate.
    pub top: bool,
}

/// Nowhere, everywhere, and for inner dylibs only: with none of them dynamic, each has its own
/// standard library inside.
pub const PREFERENCES: &[Preference] =
    &[Preference { inner: false, top: false }, Preference { inner: true, top: true }, Preference { inner: true, top: false }];

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The graph.
    pub shape: &'static Shape,
    /// The form of each inner crate.
    pub forms: Vec<Form>,
    /// The linked crate's type.
    pub crate_type: &'static str,
    /// Where dylibs are preferred.
    pub prefer: Preference,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms: Vec<String> = self.forms.iter().map(Form::to_string).collect();
        let prefer = match (self.prefer.inner, self.prefer.top) {
            (false, false) => "none",
            (true, true) => "all",
            (true, false) => "inner",
            (false, true) => "top",
        };
        write!(f, "{} of {} as {}, dynamic preferred: {prefer}", self.crate_type, self.shape.name, forms.join(" "))
    }
}

/// The assignment number `number` of forms among `of` to the inner crates of `shape`.
fn assignment(shape: &Shape, of: &[Form], number: usize) -> Vec<Form> {
    let mut rest = number;
    let mut next = || {
        let form = of[rest % of.len()];
        rest /= of.len();
        form
    };
    shape.inner.iter().map(|_| next()).collect()
}

/// How many assignments of forms among `of` a graph has.
fn assignments(shape: &Shape, of: &[Form]) -> usize {
    shape.inner.iter().fold(1, |count, _| count * of.len())
}

/// Every case of `shape` with forms among `of`, or `count` of them if there are more: the
/// assignments of forms spread evenly, with every crate type and preference in turn.
fn spread(shape: &'static Shape, of: &[Form], count: usize) -> Vec<Case> {
    let (assignments, with_each) = (assignments(shape, of), CRATE_TYPES.len() * PREFERENCES.len());
    let count = count.min(assignments * with_each);
    let case = |index: usize| Case {
        shape,
        forms: assignment(shape, of, index * assignments / count),
        crate_type: CRATE_TYPES[index % CRATE_TYPES.len()],
        prefer: PREFERENCES[index % with_each / CRATE_TYPES.len()],
    };
    (0..count).map(case).collect()
}

/// Every case of every graph.
pub fn every() -> Vec<Case> {
    SHAPES.iter().flat_map(|shape| spread(shape, &Form::ALL, usize::MAX)).collect()
}

/// From every graph at most `count` cases, spread evenly: two thirds among all, and one among those
/// in which every crate has an rlib, so that all depends on the preference.
pub fn selection(count: usize) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for shape in SHAPES {
        let with_rlibs = spread(shape, &[Form::Rlib, Form::Both], count / 3);
        for case in spread(shape, &Form::ALL, count - count / 3).into_iter().chain(with_rlibs) {
            if !cases.contains(&case) {
                cases.push(case);
            }
        }
    }
    cases
}

/// From every graph at most `count` cases of the type `crate_type`, spread evenly over forms; with
/// dylibs that share the standard library, so that most can be linked.
pub fn linkable(crate_type: &'static str, count: usize) -> Vec<Case> {
    let of = |shape: &'static Shape| {
        let all = assignments(shape, &Form::ALL);
        let count = count.min(all);
        let case = move |index| Case {
            shape,
            forms: assignment(shape, &Form::ALL, (2 * index + 1) * all / (2 * count)),
            crate_type,
            prefer: PREFERENCES[1 + index % 2],
        };
        (0..count).map(case)
    };
    SHAPES.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_case_comes_twice_and_a_selection_has_everything_in_it() {
        let all: HashSet<String> = every().iter().map(Case::to_string).collect();
        assert_eq!(all.len(), SHAPES.iter().map(|shape| 15 * assignments(shape, &Form::ALL)).sum::<usize>());
        let some = selection(48);
        assert_eq!(some.iter().map(Case::to_string).collect::<HashSet<_>>().len(), some.len());
        for shape in SHAPES {
            for crate_type in CRATE_TYPES {
                for prefer in PREFERENCES {
                    let of_these = some.iter().filter(|c| c.shape == shape && c.crate_type == *crate_type && c.prefer == *prefer);
                    assert!(of_these.count() > 0, "no {crate_type} of {} with {prefer:?}", shape.name);
                }
            }
            for place in 0..shape.inner.len() {
                for form in Form::ALL {
                    assert!(some.iter().any(|c| c.shape == shape && c.forms[place] == form), "{} {place} {form}", shape.name);
                }
            }
        }
    }
}
