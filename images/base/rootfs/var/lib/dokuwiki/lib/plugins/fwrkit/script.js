// what a form was made from goes along when its draft is saved in the background
jQuery(function () {
    if (window.dw_locktimer && dw_locktimer.addField) { dw_locktimer.addField('input[name=fwrbase]'); }
});
