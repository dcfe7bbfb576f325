//! The Rhai engine: which parts of the language and its library there are.
//! Left out are files, modules, `eval`, printing, time, randomness, sleep, and whatever can grow unseen by the bounds.

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage, BasicStringPackage,
    LogicPackage, MoreStringPackage, Package,
};
use rhai::{Array, Dynamic, Engine, FnPtr, FuncRegistration, ImmutableString, Map, NativeCallContext};

use super::bounds::{self, Broken, stop};
use super::limits::Limits;
use super::{calls, facts};

/// Words of the language that are not for rules. `this` would let a script grow a value that no variable names; `Fn` and
/// `curry` would hide values inside functions.
const DISABLED: [&str; 9] = ["eval", "import", "export", "print", "debug", "this", "Fn", "curry", "is_shared"];

/// Variables at one time.
const MAX_VARIABLES: usize = 256;
/// Functions of one script.
const MAX_FUNCTIONS: usize = 64;

/// Builds the engine that all scripts share.
pub(super) fn build(limits: Limits) -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    tame(&mut engine, limits);
    facts::register(&mut engine, limits);
    calls::register(&mut engine);
    engine.register_fn("within", |name: &str| bounds::is_open(name));
    for word in DISABLED {
        engine.disable_symbol(word);
    }
    engine
        .set_strict_variables(true)
        // To Rhai, 0 means without a bound.
        .set_max_operations(limits.max_operations.max(1))
        .set_max_call_levels(limits.max_call_levels)
        .set_max_expr_depths(limits.max_expression_depth.max(1), limits.max_expression_depth.max(1))
        .set_max_string_size(limits.max_string.max(1))
        .set_max_array_size(limits.max_array.max(1))
        .set_max_map_size(limits.max_map.max(1))
        .set_max_variables(MAX_VARIABLES)
        .set_max_functions(MAX_FUNCTIONS)
        .set_max_modules(0)
        .on_progress(bounds::progress);
    // Marked as deprecated by Rhai to say "may change"; the version is pinned by the lock file, and tests watch the effect.
    #[allow(deprecated)]
    engine.on_var(|_, _, context| bounds::visit(context.call_level(), context.scope()).map(|()| None));
    #[allow(deprecated)]
    engine.on_def_var(|is_runtime, _, context| match is_runtime {
        true => bounds::visit(context.call_level(), context.scope()).map(|()| true),
        false => Ok(true),
    });
    engine
}

/// Library functions that make more than Rhai checks, or check after the fact, are replaced by ones that ask first.
fn tame(engine: &mut Engine, limits: Limits) {
    engine.register_fn("replace", move |text: &mut ImmutableString, find: &str, put: &str| {
        replace(text, find, put, limits)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: &str, put: char| {
        replace(text, find, put.encode_utf8(&mut [0; 4]), limits)
    });
    engine.register_fn("replace", move |text: &mut ImmutableString, find: char, put: &str| {
        replace(text, find.encode_utf8(&mut [0; 4]), put, limits)
    });
    engine.register_fn("pad", move |list: &mut Array, length: i64, item: Dynamic| -> Result<(), Broken> {
        let length = usize::try_from(length).unwrap_or(0);
        let added = length.saturating_sub(list.len());
        if length > limits.max_array || added.saturating_mul(bounds::size_of(&item, &limits)?) > limits.max_memory {
            return Err(stop(format!("the script made a list of more than {} items", limits.max_array)));
        }
        list.resize(length.max(list.len()), item);
        Ok(())
    });
    FuncRegistration::new("map")
        .register_into_engine(engine, move |context: NativeCallContext<'_>, list: &mut Array, function: FnPtr| {
            map(&context, list, &function, limits)
        });
    let unavailable = |name: &str| stop(format!("`{name}` is not available; use a `for` loop"));
    engine.register_fn("map", move |_: &mut Map, _: FnPtr| -> Result<(), Broken> { Err(unavailable("map")) });
    engine
        .register_fn("zip", move |_: &mut Array, _: Array, _: FnPtr| -> Result<(), Broken> { Err(unavailable("zip")) });
}

/// Counts first: 64 KiB of one letter, each replaced by 64 KiB, would be 4 GiB.
fn replace(text: &mut ImmutableString, find: &str, put: &str, limits: Limits) -> Result<(), Broken> {
    let growth = text.matches(find).count().saturating_mul(put.len().saturating_sub(find.len()));
    if text.len().saturating_add(growth) > limits.max_string {
        return Err(stop(format!("the script made a text of more than {} bytes", limits.max_string)));
    }
    *text = text.replace(find, put).into();
    Ok(())
}

/// `list.map(|item| …)`, counting what it makes while no variable shows it.
fn map(context: &NativeCallContext<'_>, list: &Array, function: &FnPtr, limits: Limits) -> Result<Array, Broken> {
    let mut made = Array::with_capacity(list.len());
    let mut bytes = 0;
    for item in list {
        let value: Dynamic = function.call_within_context(context, (item.clone(),))?;
        let size = bounds::size_of(&value, &limits)?;
        bounds::hide(size)?;
        bytes += size;
        made.push(value);
    }
    bounds::show(bytes);
    Ok(made)
}
