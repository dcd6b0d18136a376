// Rules about addresses: `*`, `@domain`, `@*.domain` or a whole address.

/** Why `rule` is not a rule, in words for a person; undefined when it is. */
export function addressRuleProblem(rule: string): string | undefined {
  if (rule === '*') return undefined;
  if (/^@(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(rule)) return undefined;
  if (/^[^\s@<>*]+@[a-z0-9_.-]+$/i.test(rule)) return undefined;
  return 'expected "*", "@example.com", "@*.example.com" or an address';
}

/** True for an address that one of the rules allows. */
export type AddressRules = (address: string) => boolean;

/** A check against `rules`; letters' case does not matter. No rules at all allow everything. */
export function createAddressRules(rules: readonly string[] | undefined): AddressRules {
  if (!rules || rules.includes('*')) return () => true;
  const exact = new Set<string>();
  const suffixes: string[] = [];
  for (const rule of rules.map((text) => text.toLowerCase())) {
    if (rule.startsWith('@*.')) suffixes.push(rule.slice(2));
    else exact.add(rule);
  }
  return (address) => {
    const lower = address.toLowerCase();
    const domain = lower.slice(lower.lastIndexOf('@'));
    return exact.has(lower) || exact.has(domain) || suffixes.some((suffix) => domain.endsWith(suffix));
  };
}
