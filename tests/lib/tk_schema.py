"""Whether a value has the form that a JSON schema asks for; of the language only what docs/schema uses."""

TYPES = {
    'object': lambda v: isinstance(v, dict),
    'array': lambda v: isinstance(v, list),
    'string': lambda v: isinstance(v, str),
    'boolean': lambda v: isinstance(v, bool),
    'null': lambda v: v is None,
    'integer': lambda v: isinstance(v, int) and not isinstance(v, bool),
    'number': lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}
KNOWN = {'$schema', '$defs', '$ref', 'title', 'description', 'type', 'properties', 'required', 'additionalProperties', 'items', 'enum',
         'const', 'anyOf'}


def faults(value, schema, root=None, at='$'):
    """What is wrong, a line each; nothing when the value fits."""
    root = root or schema
    if '$ref' in schema:
        schema = root['$defs'][schema['$ref'].rsplit('/', 1)[1]]
    for word in set(schema) - KNOWN:
        yield f'{at}: the schema says {word!r}, which is not understood here'
    if 'type' in schema:
        names = [schema['type']] if isinstance(schema['type'], str) else schema['type']
        if not any(TYPES[name](value) for name in names):
            yield f'{at}: {str(value)[:60]!r} is not {" or ".join(names)}'
            return
    if 'const' in schema and value != schema['const']:
        yield f'{at}: {value!r} is not {schema["const"]!r}'
    if 'enum' in schema and value not in schema['enum']:
        yield f'{at}: {value!r} is none of {schema["enum"]}'
    if 'anyOf' in schema and not any(not list(faults(value, one, root, at)) for one in schema['anyOf']):
        yield f'{at}: {value!r} is none of what it may be'
    if isinstance(value, dict):
        for key in schema.get('required', []):
            if key not in value:
                yield f'{at}: {key!r} is missing'
        for key, member in value.items():
            inner = schema.get('properties', {}).get(key, schema.get('additionalProperties', True))
            if inner is False:
                yield f'{at}: the schema has no {key!r}'
            elif isinstance(inner, dict):
                yield from faults(member, inner, root, f'{at}.{key}')
    if isinstance(value, list) and 'items' in schema:
        for i, item in enumerate(value):
            yield from faults(item, schema['items'], root, f'{at}[{i}]')
