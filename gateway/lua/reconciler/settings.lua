--- What a Gateway's fields ask of the Lua: read once, when the configuration is read (init.lua).

return {
    --- Whether there are proxies whose word is believed.
    trusts = false,
    --- The page that stands in for a program that is away (HTML), or nil.
    maintenance = nil,
    --- Our own paths that are moved (to a path) or switched off (false).
    reserved = {},
}
