//! What generated messages hold in memory beyond their bytes, said beside them for the library's `codegen::Shape`.
//!
//! prost's attributes say which field is repeated, boxed, packed or a map; the field's type stands right there, so that
//! its size needs no path of its own.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, GenericArgument, Item, Lit, Meta, PathArguments, Token, Type};

/// Adds an implementation behind each message, and each choice, that can hold more than its bytes.
pub(crate) fn add(items: &mut Vec<Item>, seltzer: &TokenStream) {
    let mut with_shapes = Vec::with_capacity(items.len());
    for mut item in std::mem::take(items) {
        let shape = match &mut item {
            Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    add(items, seltzer);
                }
                None
            }
            Item::Struct(message) if is_derived(&message.attrs, "Message") => {
                let of_field = |field: &syn::Field| arm(&field.attrs, &field.ty, seltzer);
                implement(&message.ident, message.fields.iter().filter_map(of_field), seltzer)
            }
            Item::Enum(choice) if is_derived(&choice.attrs, "Oneof") => {
                let of_variant =
                    |variant: &syn::Variant| arm(&variant.attrs, &variant.fields.iter().next()?.ty, seltzer);
                implement(&choice.ident, choice.variants.iter().filter_map(of_variant), seltzer)
            }
            _ => None,
        };
        with_shapes.push(item);
        with_shapes.extend(shape);
    }
    *items = with_shapes;
}

fn is_derived(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
        let derived = attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
        derived
            .is_ok_and(|derived| derived.iter().any(|path| path.segments.last().is_some_and(|last| last.ident == name)))
    })
}

/// `None` where there is nothing to say.
fn implement(
    name: &syn::Ident,
    fields: impl Iterator<Item = (Vec<u32>, TokenStream)>,
    seltzer: &TokenStream,
) -> Option<Item> {
    // Fields of which the same is to be said share an arm.
    let mut arms: Vec<(Vec<u32>, TokenStream)> = Vec::new();
    for (tags, says) in fields {
        match arms.iter_mut().find(|(_, said)| said.to_string() == says.to_string()) {
            Some((known, _)) => known.extend(tags),
            None => arms.push((tags, says)),
        }
    }
    if arms.is_empty() {
        return None;
    }
    let (tags, says): (Vec<_>, Vec<_>) = arms.into_iter().unzip();
    let all = tags.iter().flatten();
    let implementation = quote! {
        #[allow(deprecated, clippy::all, clippy::pedantic)]
        impl #seltzer::codegen::Shape for #name {
            const FIELDS: &'static [u32] = &[#(#all),*];
            fn field(number: u32) -> #seltzer::codegen::FieldShape {
                match number {
                    #(#(#tags)|* => #says,)*
                    _ => #seltzer::codegen::FieldShape::PLAIN,
                }
            }
        }
    };
    syn::parse2(implementation).ok()
}

/// What a field's attribute says.
#[derive(Default)]
struct Field {
    /// `message`, `string`, `int32` and so on.
    kind: String,
    tags: Vec<u32>,
    is_repeated: bool,
    is_boxed: bool,
    is_map: bool,
    is_oneof: bool,
}

impl Field {
    fn parse(attributes: &[Attribute]) -> Option<Self> {
        let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("prost"))?;
        let parts = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
        let mut field = Field::default();
        for part in &parts {
            let name = part.path().get_ident()?.to_string();
            match (name.as_str(), text(part)) {
                ("tag" | "tags", Some(tags)) => {
                    field.tags = tags.split(',').flat_map(|tag| tag.trim().parse()).collect();
                }
                ("map" | "btree_map", _) => field.is_map = true,
                ("oneof", _) => field.is_oneof = true,
                ("repeated", _) => field.is_repeated = true,
                ("boxed", _) => field.is_boxed = true,
                _ if field.kind.is_empty() => field.kind = name,
                _ => {}
            }
        }
        Some(field)
    }

    fn is_message(&self) -> bool {
        matches!(self.kind.as_str(), "message" | "group")
    }

    /// Whether numbers of this kind are as long on the wire as in memory.
    fn is_fixed(&self) -> bool {
        matches!(self.kind.as_str(), "fixed32" | "fixed64" | "sfixed32" | "sfixed64" | "float" | "double")
    }
}

/// An arm of `Shape::field`: its numbers and what it says. `None` for a field that holds no more than its bytes.
fn arm(attributes: &[Attribute], whole: &Type, seltzer: &TokenStream) -> Option<(Vec<u32>, TokenStream)> {
    let field = Field::parse(attributes)?;
    let inner = arguments(whole);
    let (shape, of) = (quote! { #seltzer::codegen::FieldShape }, quote! { #seltzer::codegen::shape_of });
    let is_boxed = |held: &Type| field.is_boxed || last_name(held).is_some_and(|name| name == "Box");
    let says = if field.is_oneof {
        let choice = inner.first()?;
        quote! { #of!(#choice).map_or(#shape::PLAIN, |choice| choice.field(number)) }
    } else if field.is_map {
        let [key, value] = &inner[..] else { return None };
        quote! { #shape::entries::<#key, #value>(#of!(#value)) }
    } else if field.is_message() {
        // `Vec<T>`, `Option<T>`, `T`; `T` may be in a box.
        let held = if inner.is_empty() || last_name(whole)? == "Box" { whole } else { inner.first()? };
        let boxed = if is_boxed(held) { arguments(held).into_iter().next() } else { None };
        let message = boxed.as_ref().unwrap_or(held);
        match (field.is_repeated, &boxed) {
            (true, _) | (_, Some(_)) => quote! { #shape::elements::<#message>(#of!(#message)) },
            (false, None) => quote! { #shape::message(#of!(#message)) },
        }
    } else if field.is_repeated {
        let element = inner.first()?;
        match field.kind.as_str() {
            "string" | "bytes" => quote! { #shape::elements::<#element>(::core::option::Option::None) },
            _ if field.is_fixed() => quote! { #shape::fixed::<#element>() },
            _ => quote! { #shape::varints::<#element>() },
        }
    } else {
        return None;
    };
    Some((field.tags, says))
}

/// The types between the angle brackets of another.
fn arguments(whole: &Type) -> Vec<Type> {
    let Type::Path(path) = whole else { return Vec::new() };
    let Some(PathArguments::AngleBracketed(arguments)) = path.path.segments.last().map(|last| &last.arguments) else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner.clone()),
        _ => None,
    });
    types.collect()
}

fn last_name(whole: &Type) -> Option<String> {
    let Type::Path(path) = whole else { return None };
    path.path.segments.last().map(|last| last.ident.to_string())
}

fn text(part: &Meta) -> Option<String> {
    let Meta::NameValue(part) = part else { return None };
    match &part.value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
