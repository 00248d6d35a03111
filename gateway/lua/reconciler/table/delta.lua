--- A change of the table: {"version", "digest", "ops": [{"put": RULE}, {"drop": NAME},
-- {"default": URL or null}, {"pool": NAME, "endpoints": [...] or null}]}. Pure.

local check = require("reconciler.check.document")
local json = require("reconciler.json")
local pools = require("reconciler.check.pools")

local ipairs, pairs, type = ipairs, pairs, type

local _M = {}


local function misfit_put(rule)
    if type(rule) ~= "table" then
        return "put needs a rule"
    end
    return check.rule(json.clean(rule))
end


local function misfit_drop(name)
    return type(name) ~= "string" and "drop needs the name of a rule" or nil
end


local function misfit_pool(name, op)
    if op.endpoints == json.null then
        op.endpoints = nil
    end
    return pools.misfit(name, op.endpoints), name
end


local MISFITS = {
    put = misfit_put,
    drop = misfit_drop,
    default = check.default,
    pool = misfit_pool,
}


local function kind_of(op)
    local kind
    for key in pairs(op) do
        if MISFITS[key] and not kind then
            kind = key
        elseif key ~= "endpoints" or op.pool == nil then
            return nil
        end
    end
    return kind
end


local function misfit_op(op)
    local kind = type(op) == "table" and kind_of(op)
    if not kind then
        return "an op is one of put, drop, default and pool (with endpoints)"
    end
    op.kind = kind
    return MISFITS[kind](op[kind], op)
end


local function misfit(document)
    local why = check.head(document)
    if why then
        return why
    end
    if type(document.ops) ~= "table" or not document.ops[1] then
        return "ops must be an array of changes"
    end
    for _, op in ipairs(document.ops) do
        local name
        why, name = misfit_op(op)
        if why then
            return why, name
        end
    end
end


--- The change, each op with its `kind`; or nil, why it is none, and the rule it is wrong with.
function _M.read(raw)
    local document, err = json.parse(raw)
    if not document then
        return nil, err
    end
    local why, rule = misfit(document)
    if why then
        return nil, why, rule or ""
    end
    return document
end


return _M
