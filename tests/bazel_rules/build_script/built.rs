#![allow(unexpected_cfgs)]

include!(concat!(env!("OUT_DIR"), "/generated.rs"));

pub const SCRIPTED: &str = env!("SCRIPTED");
pub const CFG: bool = cfg!(scripted);

unsafe extern "C" {
    fn answer() -> std::ffi::c_int;
}

pub fn ask() -> i32 {
    // SAFETY: it takes nothing and returns a number.
    unsafe { answer() }
}

#[cfg(test)]
mod tests {
    #[test]
    fn has_all_that_its_script_made() {
        assert_eq!((super::GENERATED, super::SCRIPTED, super::CFG, super::ask()), (7, "by the script", true, 42));
    }
}
