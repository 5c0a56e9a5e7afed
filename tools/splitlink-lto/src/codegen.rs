//! What the merged module is optimised and compiled for.

use crate::llvm::{Context, Machine, Module, Tuning};
use anyhow::Result;
use splitlink::lto::request::Options;

/// What to generate code for, as the module itself and `options` say.
pub fn machine(module: &Module<'_>, options: &Options) -> Machine {
    Machine {
        triple: module.triple(),
        level: match options.opt_level.as_str() {
            "0" => 0,
            "1" => 1,
            "3" => 3,
            // As rustc has it (`rustc_codegen_llvm::back::write::to_llvm_opt_settings`, 1.95).
            _ => 2,
        },
        position_independent: module.flag("PIC Level").unwrap_or(0) > 0,
        code_model: module.flag("Code Model"),
    }
}

/// Makes all symbols but those in `keep` local, then runs the pipeline that rustc runs for fat LTO
/// (`LLVMRustOptimize` with `FatLTO`, 1.95). The result is what of it is left to run on each part
/// of the module.
///
/// # Errors
/// LLVM's.
pub fn optimise(module: &Module<'_>, machine: &Machine, keep: &[String], options: &Options) -> Result<Late> {
    let target = machine.create()?;
    let keep: Vec<String> = keep.iter().map(|name| format!("preserve-gv={name}")).collect();
    let level = match options.opt_level.as_str() {
        level @ ("s" | "z") => level,
        _ => pipeline_level(options),
    };
    let tuning = Tuning { vectorize: matches!(level, "2" | "3"), merge_functions: !matches!(level, "0" | "1") };
    module.run_passes(&format!("internalize<{}>,globaldce", keep.join(";")), &target, tuning)?;
    let late = Late { passes: matches!(level, "2" | "3").then(|| late_passes(level)).unwrap_or_default(), tuning };
    let context = Context::new();
    let known = |passes: &str| context.empty_module("none").run_passes(passes, &target, tuning).is_ok();
    // Another LLVM may have other passes.
    if !late.passes.is_empty() && known(EARLY_PASSES) && known(&late.passes) {
        module.run_passes(EARLY_PASSES, &target, tuning)?;
        return Ok(late);
    }
    module.run_passes(&format!("lto<O{level}>"), &target, tuning)?;
    Ok(Late { passes: String::new(), tuning })
}

/// The level of LLVM's pipelines where those for size are none of their own: functions then say
/// themselves that they are to be small.
pub fn pipeline_level(options: &Options) -> &str {
    match options.opt_level.as_str() {
        level @ ("0" | "1" | "2" | "3") => level,
        _ => "2",
    }
}

/// What runs on each part.
#[derive(Debug)]
pub struct Late {
    /// LLVM's names of the passes; empty if there is nothing left.
    pub passes: String,
    /// How they are tuned.
    pub tuning: Tuning,
}

/// Of `lto<O2>` (`PassBuilder::buildLTODefaultPipeline`, LLVM 22) what looks at more than one
/// function at a time, with what comes between. Passes for languages and profiles that there are
/// none of here are left out.
const EARLY_PASSES: &str = "globaldce,inferattrs,function<eager-inv>(callsite-splitting),\
    cgscc(function-attrs,argpromotion,function(sroa<modify-cfg>)),ipsccp,called-value-propagation,rpo-function-attrs,globalsplit,\
    wholeprogramdevirt,globalopt,function(mem2reg),constmerge,deadargelim,\
    function<eager-inv>(instcombine<no-verify-fixpoint>,aggressive-instcombine),expand-variadics,inliner-wrapper,globalopt,globaldce,\
    cgscc(argpromotion),mergefunc";

/// Of `lto<O2>` what looks at one function at a time and comes last: most of the work, which the
/// parts can share.
fn late_passes(level: &str) -> String {
    format!(
        "function<eager-inv>(instcombine<no-verify-fixpoint>,constraint-elimination,jump-threading,sroa<modify-cfg>,tailcallelim),\
         cgscc(function-attrs),require<globals-aa>,function(invalidate<aa>),function<eager-inv>(\
         loop-mssa(licm<allowspeculation>),gvn,memcpyopt,dse,move-auto-init,mldst-motion,loop(indvars,loop-deletion,loop-unroll-full),\
         loop-distribute,loop-vectorize<no-interleave-forced-only;no-vectorize-forced-only>,infer-alignment,loop-unroll<O{level}>,\
         transform-warning,sroa<preserve-cfg>,instcombine<no-verify-fixpoint>,\
         simplifycfg<forward-switch-cond;switch-range-to-icmp;switch-to-lookup;no-keep-loops;hoist-common-insts;sink-common-insts>,\
         sccp,instcombine<no-verify-fixpoint>,bdce,slp-vectorizer,vector-combine,infer-alignment,instcombine<no-verify-fixpoint>,loop-mssa(licm<allowspeculation>),\
         alignment-from-assumptions,jump-threading),\
         function(loop-sink,div-rem-pairs,simplifycfg<switch-range-to-icmp;hoist-common-insts;speculate-unpredictables>),\
         elim-avail-extern,globaldce,mergefunc,rel-lookup-table-converter,cg-profile"
    )
}
