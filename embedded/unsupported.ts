// The names that MongoDB 7.0 knows and this server does not. They are refused with NotImplemented. Any other unknown
// name gets the error that MongoDB itself gives.
export const unsupportedStages = new Set([
  ...['$bucketAuto', '$changeStream', '$changeStreamSplitLargeEvent', '$collStats', '$currentOp', '$densify'],
  ...['$documents', '$fill', '$geoNear', '$graphLookup', '$indexStats', '$listLocalSessions', '$listSessions'],
  ...['$listSampledQueries', '$listSearchIndexes', '$merge', '$out', '$planCacheStats', '$redact', '$sample'],
  ...['$search', '$searchMeta', '$setWindowFields', '$shardedDataDistribution', '$unionWith', '$vectorSearch'],
])

export const unsupportedAccumulators = new Set([
  ...['$accumulator', '$bottom', '$bottomN', '$firstN', '$lastN', '$maxN', '$median', '$minN', '$percentile'],
  ...['$stdDevPop', '$stdDevSamp', '$top', '$topN'],
])

export const unsupportedExpressions = new Set([
  ...['$accumulator', '$acos', '$acosh', '$allElementsTrue', '$anyElementTrue', '$asin', '$asinh', '$atan', '$atan2'],
  ...['$atanh', '$binarySize', '$bitAnd', '$bitNot', '$bitOr', '$bitXor', '$bsonSize', '$cos', '$cosh'],
  ...['$dateFromString', '$degreesToRadians', '$exp', '$firstN', '$function', '$getField', '$indexOfBytes', '$lastN'],
  ...['$ln', '$log', '$log10', '$maxN', '$median', '$meta', '$minN', '$percentile', '$pow', '$radiansToDegrees'],
  ...['$rand', '$regexFind', '$regexFindAll', '$sampleRate', '$setField', '$sin', '$sinh', '$sortArray', '$sqrt'],
  ...['$stdDevPop', '$stdDevSamp', '$strLenBytes', '$substr', '$substrBytes', '$tan', '$tanh', '$toDecimal'],
  ...['$toHashedIndexKey', '$tsIncrement', '$tsSecond', '$unsetField', '$zip'],
])

export const unsupportedVariables = new Set([
  ...['CLUSTER_TIME', 'DESCEND', 'IS_MR', 'JS_SCOPE', 'KEEP', 'PRUNE', 'SEARCH_META', 'USER_ROLES'],
])

export const unsupportedQueryOperators = new Set([
  ...['$mod', '$where', '$text', '$jsonSchema', '$near', '$nearSphere', '$geoWithin', '$geoIntersects', '$within'],
  ...['$bitsAllSet', '$bitsAllClear', '$bitsAnySet', '$bitsAnyClear', '$sampleRate', '$alwaysTrue'],
  ...['$alwaysFalse', '$maxDistance', '$minDistance', '$geoNear', '$ref', '$id', '$db'],
])

export const unsupportedUpdateOperators = new Set(['$bit'])
